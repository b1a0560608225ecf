import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePorts, isListening } from "./processes.ts";
import { startServer } from "./server.ts";

export type CgiSite = { readonly port: number; readonly stop: () => Promise<void> };

/** Prints its environment, a blank line, and its standard input. */
const script = `printf 'Content-Type: text/plain\\r\\nX-Cgi-Site: reached\\r\\n\\r\\n'
env
echo
cat
`;

/**
 * Starts Debian's lighttpd with one CGI program behind every path (RFC 3875). lighttpd makes one environment variable of
 * all spellings of a header, and accepts `Upgrade: h2c`.
 */
export async function startCgiSite(): Promise<CgiSite> {
  const [port = 0] = await findFreePorts(1);
  const folder = mkdtempSync(join(tmpdir(), "sallyport-cgi-"));
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  const configuration = `
    server.modules = ( "mod_rewrite", "mod_cgi" )
    server.document-root = "${folder}"
    server.bind = "127.0.0.1"
    server.port = ${port}
    server.max-request-field-size = 65536
    url.rewrite-once = ( "^" => "/show.cgi" )
    cgi.assign = ( ".cgi" => "/bin/sh" )`;
  writeFileSync(join(folder, "show.cgi"), script);
  const path = join(folder, "lighttpd.conf");
  writeFileSync(path, configuration);
  try {
    const server = await startServer({
      command: "lighttpd",
      args: ["-D", "-f", path],
      isReady: () => isListening(port),
    });
    return { port, stop: () => server.stop().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}
