import { existsSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type App, type AppOptions, runServer } from "./app.ts";

const directory = fileURLToPath(new URL("./signalk/", import.meta.url));
const program = join(directory, "node_modules/signalk-server/bin/signalk-server");
const username = "alice";
const password = "through the looking-glass";
const other = { username: "mallory", password };
/** bcrypt, as Signal K keeps it. */
const passwordHash = "$2a$10$XCZ2y4/OPk30SC/K5QGWqOy5GjiTZw3Zv2YpxZRMOAT2/0gLDR9a6";

/**
 * Signal K Server, what boats run (npm: `npm ci` in `signalk/`). Its admin UI is one page that signs in by script and
 * lives on a WebSocket; the session is a JWT in a cookie.
 *
 * Signal K reads the cookie `JAUTHENTICATION` first, then `Authorization`, then `X-Authorization`, for its pages, and
 * `?token=`, `Authorization`, `X-Authorization`, and the cookie last for its WebSocket (`signalk-server` 2.23.0,
 * tokensecurity: `http_authorize`, `authorizeWS`). Its who-am-I does not see what the WebSocket reads: Signal K itself,
 * `GET /skServer/loginStatus`:
 *
 * | Cookie | Authorization | X-Authorization | ?token= | Response |
 * | --- | --- | --- | --- | --- |
 * | alice | none | none | none | 200 alice |
 * | mallory | alice | none | none | 200 mallory |
 * | none | mallory | alice | none | 200 mallory |
 * | none | none | alice | none | 200 alice |
 * | none | none | none | alice | 200, no name |
 * | garbage in one of them, or none | | | | 200, no name |
 */
export async function startSignalK({ port, stateDir }: AppOptions): Promise<App> {
  if (!existsSync(program)) throw new Error(`Signal K is not installed: npm ci --prefix ${directory}`);
  const url = `http://127.0.0.1:${port}`;
  writeFileSync(join(stateDir, "settings.json"), JSON.stringify(settings));
  writeFileSync(join(stateDir, "security.json"), JSON.stringify(security), { mode: 0o600 });
  const stop = await runServer({
    command: process.execPath,
    args: [program, "-c", stateDir, "--securityenabled"],
    cwd: stateDir,
    // By itself it listens on every address of the machine: it gets its socket as from systemd.
    env: { LISTEN_FDS: "1", SIGNALK_DISABLE_SERVER_UPDATES: "1" },
    socket: await listen(port),
    readyUrl: `${url}/skServer/loginStatus`,
  });
  return {
    name: "Signal K",
    url,
    username,
    password,
    other,
    whoAmI: { path: "/skServer/loginStatus", kind: "json", pointer: "/username" },
    sessionCookies: ["JAUTHENTICATION"],
    login: {
      path: "/admin/#/login",
      username: "input[name=username]",
      password: "input[name=password]",
      submit: "button:text-is('Login')",
      sentBy: "script",
    },
    protectedPath: "/admin/#/security/users",
    protectedSelector: `td:text-is("${username}")`,
    logout: {
      path: "/admin/#/dashboard",
      clicks: ["a:has-text('Logout')"],
      signedOutSelector: "input[name=password]",
    },
    webSocketPath: "/signalk/v1/stream",
    stop,
  };
}

const off = false;

/** No boat: nothing that listens, broadcasts or asks the npm registry. */
const settings = {
  interfaces: { tcp: off, "nmea-tcp": off, appstore: off, wasm: off },
  mdns: off,
  ssl: off,
  pipedProviders: [],
};

const security = {
  users: [
    { username, type: "admin", password: passwordHash },
    { username: other.username, type: "readonly", password: passwordHash },
  ],
  devices: [],
  acls: [],
  secretKey: "a key of the e2e tests: nobody else's boat",
  expiration: "1h",
  allow_readonly: false,
  allowNewUserRegistration: false,
  allowDeviceAccessRequests: false,
};

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1" }, () => resolve(server));
  });
}
