import { fileURLToPath } from "node:url";
import { isListening } from "./processes.ts";
import { type RunningServer, startServer } from "./server.ts";

const demoOrigin = fileURLToPath(new URL("../../../examples/demo-origin/server.ts", import.meta.url));

/** What the demo origin saw of a request to `/headers`. */
export type Seen = { method: string; url: string; rawHeaders: Array<[string, string]> };

/**
 * Starts the demo origin as the site behind a proxy.
 *
 * @param jwksUrl whose keys it believes
 * @param audience what it takes itself for
 * @param host the host, with its port, that visitors ask for
 */
export function startDemoOrigin(
  port: number,
  jwksUrl: string,
  audience: string,
  host = new URL(audience).host,
): Promise<RunningServer> {
  const env = {
    ORIGIN_PORT: String(port),
    SALLYPORT_JWKS_URL: jwksUrl,
    SALLYPORT_AUDIENCE: audience,
    SITE_HOSTS: host,
  };
  return startServer({
    command: process.execPath,
    args: [demoOrigin],
    env,
    isReady: () => isListening(port),
  });
}

/** The values of a header that the site saw, in any spelling. */
export function valuesSeen({ rawHeaders }: Seen, isIt: (name: string) => boolean): string[] {
  return rawHeaders.filter(([name]) => isIt(name)).map(([, value]) => value);
}
