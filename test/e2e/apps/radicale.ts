import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findFreePorts } from "../support/processes.ts";
import { runServer } from "./app.ts";
import { startBasicWhoAmI } from "./nginx-whoami.ts";
import { credentials, htpasswd, type Program, type ProgramOptions } from "./program.ts";

/**
 * Radicale, a CalDAV and CardDAV server (Debian: `radicale`), with users of its own and Basic authentication. It
 * compares the host of `Destination` with `Host` (`X-Forwarded-Host` counts for neither). No page of it names the user.
 */
export async function startRadicale(
  { port, stateDir }: ProgramOptions,
  login: "htpasswd" | "http_x_remote_user" = "htpasswd",
): Promise<Program> {
  const url = `http://127.0.0.1:${port}`;
  writeFileSync(join(stateDir, "users"), htpasswd, { mode: 0o600 });
  writeFileSync(join(stateDir, "config"), configuration(port, stateDir, login));
  const stop = await runServer({
    command: "/usr/bin/radicale",
    args: ["--config", join(stateDir, "config")],
    cwd: stateDir,
    readyUrl: `${url}/.web/`,
  });
  const [whoAmIPort = 0] = await findFreePorts(1);
  const whoAmI = await startBasicWhoAmI({ port: whoAmIPort, stateDir: join(stateDir, "whoami") });
  return {
    ...credentials,
    url,
    originVars: {
      WHOAMI_URL: whoAmI.url,
      WHOAMI_USER: "header:X-User",
      ORIGIN_COOKIES: "none",
    },
    stop: async () => {
      await whoAmI.stop();
      await stop();
    },
  };
}

const configuration = (port: number, stateDir: string, login: string) => `
[server]
hosts = 127.0.0.1:${port}
[auth]
type = ${login}
htpasswd_filename = ${join(stateDir, "users")}
htpasswd_encryption = md5
delay = 0
[storage]
filesystem_folder = ${join(stateDir, "collections")}
[logging]
level = info
`;
