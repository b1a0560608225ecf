import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runServer } from "./app.ts";
import { credentials, type Program, type ProgramOptions } from "./program.ts";

/** "through the looking-glass", as `jupyter notebook password` stores it. */
const passwordHash = "sha1:5fe43e7efc15:5603a0a15490212e935eab5bcbd658e86acc2540";

/**
 * Jupyter Notebook with a Python kernel (Debian: `jupyter-notebook python3-ipykernel`). Its pages run code over a
 * WebSocket, for which it compares `Origin` with `Host`; it refuses a changing request whose `Referer` is of another host.
 *
 * It is the server of one account, and names no user: the operator puts a name into a header of every response. The name of
 * the session cookie contains the host and the port of `Host`.
 */
export async function startJupyter({ port, stateDir, publicUrls }: ProgramOptions): Promise<Program> {
  const url = `http://127.0.0.1:${port}`;
  const notebooks = join(stateDir, "notebooks");
  mkdirSync(notebooks);
  writeFileSync(join(stateDir, "config.py"), configuration(port), { mode: 0o600 });
  const stop = await runServer({
    command: "/usr/bin/jupyter-notebook",
    args: [`--config=${join(stateDir, "config.py")}`, `--notebook-dir=${notebooks}`],
    cwd: stateDir,
    readyUrl: `${url}/login`,
  });
  return {
    ...credentials,
    url,
    originVars: {
      WHOAMI_URL: "/api/status",
      WHOAMI_USER: "header:X-Jupyter-User",
      WHOAMI_NOBODY: "401,403",
      WHOAMI_FORBIDDEN_TEXT: '"message": "Forbidden"',
      ORIGIN_COOKIES: [url, publicUrls.origin].map(sessionCookie).join(),
      ORIGIN_CREDENTIALS: "query:token",
    },
    stop,
  };
}

const sessionCookie = (url: string) => `username-${new URL(url).host.replaceAll(/[^A-Za-z0-9]/g, "-")}`;

const configuration = (port: number) => `
c.NotebookApp.ip = "127.0.0.1"
c.NotebookApp.port = ${port}
c.NotebookApp.port_retries = 0
c.NotebookApp.open_browser = False
c.NotebookApp.allow_root = True
c.NotebookApp.password = "${passwordHash}"
c.NotebookApp.tornado_settings = {"headers": {"X-Jupyter-User": "${credentials.username}"}}
`;
