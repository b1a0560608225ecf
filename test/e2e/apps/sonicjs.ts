import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { quietWrangler, wranglerArgs } from "../../../scripts/start/wrangler.ts";
import { type App, type AppOptions, runServer } from "./app.ts";

const directory = fileURLToPath(new URL("./sonicjs/", import.meta.url));
/** The account that SonicJS makes for its operator. */
const operator = { username: "admin@sonicjs.com", password: "sonicjs!" };
const other = { username: "mallory@example.com", password: "Down-The-Rabbit-Hole-1" };

/**
 * SonicJS, a headless CMS for Cloudflare Workers with an admin UI (npm: `npm ci` in `sonicjs/`), in wrangler as its guide
 * has it. A login form that a script sends; the session is a JWT in a cookie, or in `Authorization`.
 *
 * SonicJS reads `Authorization` first, in any scheme, and the cookie `auth_token` only if there is no `Authorization`
 * (`@sonicjs-cms/core` 2.11.0, `requireAuth`). `GET /auth/me` of SonicJS itself:
 *
 * | Authorization | Cookie | Response |
 * | --- | --- | --- |
 * | mallory (`Bearer`) | admin | 200 mallory |
 * | admin (`Bearer`) | mallory | 200 admin |
 * | `Bearer garbage`, or `Basic` with garbage | admin | 401 |
 * | empty | admin | 200 admin |
 * | mallory (`Bearer`, or without a scheme) | none | 200 mallory |
 * | garbage, or none | garbage, or none | 401 |
 */
export async function startSonicJs({ port, stateDir }: AppOptions): Promise<App> {
  const packages = join(directory, "node_modules");
  if (!existsSync(packages)) throw new Error(`SonicJS is not installed: npm ci --prefix ${directory}`);
  const url = `http://127.0.0.1:${port}`;
  const stop = await runServer({
    command: process.execPath,
    args: wranglerArgs(
      ...["dev", "--config", join(directory, "wrangler.toml"), "--ip", "127.0.0.1", "--port", String(port)],
      ...["--inspector-port", "0", "--persist-to", join(stateDir, "state")],
      ...[
        "--show-interactive-dev-session=false",
        "--var",
        "JWT_SECRET:a-key-of-the-e2e-tests-and-of-no-site",
      ],
    ),
    cwd: stateDir,
    env: { ...quietWrangler, WRANGLER_REGISTRY_PATH: join(stateDir, "registry") },
    readyUrl: `${url}/auth/login`,
  });
  try {
    await post(`${url}/auth/seed-admin`, {});
    const { username: email, password } = other;
    const names = { username: "mallory", firstName: "Mallory", lastName: "Smith" };
    await post(`${url}/auth/register`, { email, password, ...names });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name: "SonicJS",
    url,
    ...operator,
    other,
    whoAmI: { path: "/auth/me", kind: "json", pointer: "/user/email" },
    sessionCookies: ["auth_token"],
    login: {
      path: "/auth/login",
      username: "input[name=email]",
      password: "input[name=password]",
      submit: "#login-form button",
      sentBy: "script",
    },
    protectedPath: "/admin/users",
    protectedSelector: `:text("${other.username}")`,
    // A link in a menu, which a script from another host opens.
    logout: { path: "/auth/logout", clicks: [], signedOutSelector: "#login-form" },
    publicFiles: { "https://unpkg.com/htmx.org@2.0.3": join(packages, "htmx.org/dist/htmx.min.js") },
    stop,
  };
}

async function post(address: string, body: object): Promise<void> {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${address}: ${response.status} ${await response.text()}`);
}
