import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type App, type AppOptions, runServer } from "./app.ts";

const directory = fileURLToPath(new URL("./jsreport/", import.meta.url));
const username = "alice";
const password = "through the looking-glass";
const other = { username: "mallory", password: "down the rabbit-hole" };

/**
 * jsreport, a report server with a web studio (npm: `npm ci` in `jsreport/`). A login form without script, one sealed
 * cookie, and HTTP Basic authentication for every address.
 *
 * jsreport reads the cookie `session` first, and `Authorization` only if the cookie names no account
 * (`@jsreport/jsreport-authentication` 4.2.3, lib/main.js: `req.isAuthenticated()` before
 * `passport.authenticate(["basic"])`). `GET /api/current-user` of jsreport itself:
 *
 * | Cookie | Authorization | Response |
 * | --- | --- | --- |
 * | alice | mallory (Basic) | 200 alice |
 * | mallory | alice (Basic) | 200 mallory |
 * | alice | `Basic` with garbage, or `Bearer x` | 200 alice |
 * | garbage | mallory (Basic) | 200 mallory |
 * | garbage, or none | garbage, or none | 401 |
 */
export async function startJsreport({ port, stateDir }: AppOptions): Promise<App> {
  if (!existsSync(join(directory, "node_modules")))
    throw new Error(`jsreport is not installed: npm ci --prefix ${directory}`);
  const url = `http://127.0.0.1:${port}`;
  const configFile = join(stateDir, "jsreport.config.json");
  writeFileSync(configFile, JSON.stringify(configuration(port, stateDir)), { mode: 0o600 });
  const stop = await runServer({
    command: process.execPath,
    args: [join(directory, "server.mjs")],
    cwd: stateDir,
    env: { configFile },
    readyUrl: `${url}/login`,
  });
  try {
    await create(url, "users", { name: other.username, password: other.password });
    // Only alice, who made it, may see it.
    await create(url, "templates", { name: "Ledger", engine: "none", recipe: "html", content: "secret" });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name: "jsreport",
    url,
    username,
    password,
    other,
    whoAmI: { path: "/api/current-user", kind: "json", pointer: "/username" },
    sessionCookies: ["session"],
    login: {
      path: "/",
      username: "input[name=username]",
      password: "input[name=password]",
      submit: "#loginForm button",
      sentBy: "navigation",
    },
    protectedPath: "/",
    protectedSelector: ":text('/Ledger')",
    logout: {
      path: "/",
      clicks: [".fa-cog", ".fa-power-off"],
      signedOutSelector: "#loginForm",
    },
    stop,
  };
}

const configuration = (httpPort: number, stateDir: string) => ({
  httpPort,
  hostname: "127.0.0.1",
  tempDirectory: join(stateDir, "tmp"),
  store: { provider: "memory" },
  blobStorage: { provider: "memory" },
  workers: { numberOfWorkers: 1 },
  extensions: {
    authentication: {
      admin: { username, password },
      cookieSession: { secret: "a key of the e2e tests, of no other server" },
    },
  },
});

async function create(url: string, entities: string, entity: object): Promise<void> {
  const response = await fetch(`${url}/odata/${entities}`, {
    method: "POST",
    headers: {
      Authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify(entity),
  });
  if (!response.ok) throw new Error(`POST /odata/${entities}: ${response.status} ${await response.text()}`);
}
