import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runServer } from "./app.ts";
import { credentials, type Program, type ProgramOptions } from "./program.ts";

const directory = fileURLToPath(new URL("./node-red/", import.meta.url));
const program = join(directory, "node_modules/node-red/red.js");
/** bcrypt of "through the looking-glass". */
const passwordHash = "$2a$10$XCZ2y4/OPk30SC/K5QGWqOy5GjiTZw3Zv2YpxZRMOAT2/0gLDR9a6";

/**
 * Node-RED, flow-based programming in the browser (npm: `npm ci` in `node-red/`), with `adminAuth`. Its editor keeps a token
 * in the browser's storage, sends it in `Authorization`, and in the first message of its WebSocket `/comms`.
 */
export async function startNodeRed({ port, stateDir }: ProgramOptions): Promise<Program> {
  if (!existsSync(program)) throw new Error(`Node-RED is not installed: npm ci --prefix ${directory}`);
  const url = `http://127.0.0.1:${port}`;
  const script = join(stateDir, "sallyport.js");
  writeFileSync(script, `document.write('<script src="/api/auth/assets/site.js"></' + 'script>');`);
  writeFileSync(
    join(stateDir, "settings.cjs"),
    `module.exports = ${JSON.stringify(settings(port, script))};`,
    { mode: 0o600 },
  );
  writeFileSync(join(stateDir, "flows.json"), JSON.stringify(flows));
  const stop = await runServer({
    command: process.execPath,
    args: [program, "--settings", join(stateDir, "settings.cjs"), "--userDir", stateDir],
    cwd: stateDir,
    readyUrl: `${url}/`,
  });
  return {
    ...credentials,
    url,
    originVars: {
      WHOAMI_URL: "/settings",
      WHOAMI_USER: "json:/user/username",
      ORIGIN_COOKIES: "none",
      ORIGIN_LOGIN: "/",
      POLICY: JSON.stringify(openPaths.map((path) => ({ path, require: "none" }))),
    },
    stop,
  };
}

/** What the page with the login needs. Not `/comms`: its WebSocket takes a token in a message, which the gate does not see. */
const openPaths = [
  "/",
  "/auth/*",
  "/red/*",
  "/vendor/*",
  "/icons/*",
  "/types/*",
  "/theme/*",
  "/locales/*",
  "/debug/view/*",
];

const settings = (uiPort: number, script: string) => ({
  uiHost: "127.0.0.1",
  uiPort,
  flowFile: "flows.json",
  credentialSecret: "a key of the e2e tests, of no other server",
  adminAuth: {
    type: "credentials",
    users: [{ username: credentials.username, password: passwordHash, permissions: "*" }],
  },
  diagnostics: { enabled: false },
  telemetry: { enabled: false, updateNotification: false },
  externalModules: { palette: { allowInstall: false }, modules: { allowInstall: false } },
  editorTheme: { tours: false, palette: { catalogues: [] }, page: { scripts: [script] } },
});

/** A button that sends a text to the debug sidebar. */
const flows = [
  { id: "f1", type: "tab", label: "Flow 1" },
  {
    ...{ id: "n1", type: "inject", z: "f1", name: "start", props: [{ p: "payload" }] },
    ...{ payload: "down the rabbit-hole", payloadType: "str", repeat: "", once: false },
    ...{ x: 150, y: 100, wires: [["n2"]] },
  },
  {
    ...{ id: "n2", type: "debug", z: "f1", name: "shown", active: true, tosidebar: true },
    ...{ console: false, tostatus: false, complete: "payload", targetType: "msg", x: 350, y: 100, wires: [] },
  },
];
