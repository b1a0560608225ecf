import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runServer } from "./app.ts";
import { credentials, type Program, type ProgramOptions } from "./program.ts";

const directory = fileURLToPath(new URL("./verdaccio/", import.meta.url));
const program = join(directory, "node_modules/verdaccio/bin/verdaccio");
/** A second account, with the same password, for programs. */
export const robot = "robot";
/** bcrypt of "through the looking-glass". */
const passwordHash = "$2a$10$XCZ2y4/OPk30SC/K5QGWqOy5GjiTZw3Zv2YpxZRMOAT2/0gLDR9a6";

/**
 * Verdaccio, a private npm registry with a web page (npm: `npm ci` in `verdaccio/`). Its page and the addresses of its
 * packages are made of `Host`, or of `VERDACCIO_PUBLIC_URL`; its page keeps a JWT in the browser's storage, and npm sends one in `Authorization`.
 */
export async function startVerdaccio(
  { port, stateDir, publicUrls }: ProgramOptions,
  firstFactor: "password" | "origin",
): Promise<Program> {
  if (!existsSync(program)) throw new Error(`Verdaccio is not installed: npm ci --prefix ${directory}`);
  const url = `http://127.0.0.1:${port}`;
  const users = [credentials.username, robot].map((name) => `${name}:${passwordHash}\n`).join("");
  writeFileSync(join(stateDir, "htpasswd"), users, { mode: 0o600 });
  writeFileSync(join(stateDir, "config.yaml"), configuration(stateDir));
  const stop = await runServer({
    command: process.execPath,
    args: [program, "--config", join(stateDir, "config.yaml"), "--listen", `127.0.0.1:${port}`],
    cwd: stateDir,
    env: { VERDACCIO_PUBLIC_URL: publicUrls[firstFactor] },
    readyUrl: `${url}/-/ping`,
  });
  return {
    ...credentials,
    url,
    originVars: { WHOAMI_URL: "/-/whoami", WHOAMI_USER: "json:/username", ORIGIN_COOKIES: "none" },
    stop,
  };
}

/** Without an uplink, so that it asks no other registry. */
const configuration = (stateDir: string) => `
storage: ${join(stateDir, "storage")}
web:
  title: Verdaccio
  metaScripts:
    - '<script src="/api/auth/assets/site.js"></script>'
auth:
  htpasswd:
    file: ${join(stateDir, "htpasswd")}
    max_users: -1
security:
  api:
    legacy: false
    jwt:
      sign:
        expiresIn: 1d
packages:
  "@open/*":
    access: $all
    publish: $all
  "**":
    access: $authenticated
    publish: $authenticated
log: { type: stdout, format: pretty, level: http }
`;
