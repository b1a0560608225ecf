import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { promisify } from "node:util";
import type { Program } from "../apps/program.ts";
import { robot } from "../apps/verdaccio.ts";
import type { Gate } from "../support/gates.ts";
import { Visitor } from "../support/visitor.ts";
import type { Cast } from "./cast.ts";
import { arriveSignedIn, enrolProgram, enrolVisitor, signInProgram } from "./sign-in.ts";

const run = promisify(execFile);
const readme = "# A package of the e2e tests";

export function describeVerdaccio(cast: () => Cast): void {
  it("takes a package from npm, gives it back, and shows it on its page (password)", async () => {
    const { browser, password: gate, scratchDir } = cast();
    const { token } = await signInProgram(gate);
    await publish(gate.baseUrl, token, scratchDir, "@open/tea");
    const installed = await install(gate.baseUrl, token, scratchDir, "@open/tea");
    assert.equal(new URL(installed).origin, gate.baseUrl);

    const visitor = await arriveSignedIn(browser, gate, "/");
    try {
      await visitor.page.getByText("@open/tea").first().click();
      await visitor.page.getByRole("heading", { name: "A package of the e2e tests" }).waitFor();
      assert.deepEqual(await visitor.findFlaws(), []);
    } finally {
      await visitor.leave();
    }
  });
}

export function describeVerdaccioLogin(cast: () => Cast): void {
  it("takes a token only together with a second factor (origin)", async () => {
    const { origin: gate, scratchDir } = cast();
    const program = { ...cast().program, username: robot };
    const token = await signIn(program, gate);
    const Authorization = `Bearer ${token}`;
    await assert.rejects(publish(gate.baseUrl, token, scratchDir, "@private/tea"), /E401/);
    assert.equal((await ask(program, Authorization)).status, 404);

    const Cookie = await enrolProgram(gate, Authorization);
    const me = await fetch(`${gate.baseUrl}/-/whoami`, { headers: { Authorization, Cookie } });
    assert.deepEqual(await me.json(), { username: program.username });
    assert.equal((await fetch(`${gate.baseUrl}/-/whoami`, { headers: { Authorization } })).status, 401);
  });

  it("hands the token of its page over, and shows its packages after the second factor (origin)", async () => {
    const { browser, program, origin: gate, scratchDir } = cast();
    await publish(program.url, await signIn(program, gate), scratchDir, "@private/cake");
    const visitor = await Visitor.arrive(browser, gate);
    const { page } = visitor;
    try {
      await visitor.open("/");
      await page.locator("[data-testid=header--button-login]").click();
      await page.locator("input[name=username]").fill(program.username);
      await page.locator("input[name=password]").fill(program.password);
      await page.locator("#login--dialog-button-submit").click();
      await page.waitForURL(new RegExp(`^${gate.baseUrl}${gate.basePath}/account/two-factor`));
      await enrolVisitor(visitor, gate);
      await page.getByText("@private/cake").first().waitFor();
    } finally {
      await visitor.leave();
    }
  });
}

const ask = ({ url }: Program, Authorization: string) =>
  fetch(`${url}/@private%2ftea`, { headers: { Authorization } });

/** What Verdaccio's page, and `npm login`, keep. */
async function signIn({ username, password }: Program, { baseUrl }: Gate): Promise<string> {
  const response = await fetch(`${baseUrl}/-/verdaccio/sec/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username, password }),
  });
  const { token } = (await response.json()) as { token: string };
  return token;
}

/** `npm` with a token for this registry, and with nothing of the machine's configuration. */
async function npm(baseUrl: string, token: string, cwd: string, ...args: string[]): Promise<string> {
  const { host } = new URL(baseUrl);
  writeFileSync(join(cwd, ".npmrc"), `registry=${baseUrl}/\n//${host}/:_authToken=${token}\n`, {
    mode: 0o600,
  });
  const env = { PATH: process.env.PATH, HOME: cwd, npm_config_cache: join(cwd, ".cache") };
  const { stdout } = await run("npm", ["--no-update-notifier", "--no-audit", "--no-fund", ...args], {
    cwd,
    env,
  });
  return stdout;
}

async function publish(baseUrl: string, token: string, scratchDir: string, name: string): Promise<void> {
  const folder = mkdtempSync(join(scratchDir, "package-"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name, version: "1.0.0", license: "MIT" }));
  writeFileSync(join(folder, "README.md"), readme);
  await npm(baseUrl, token, folder, "publish");
}

/** Installs the package into a new project, and returns the address that its archive came from. */
async function install(baseUrl: string, token: string, scratchDir: string, name: string): Promise<string> {
  const folder = mkdtempSync(join(scratchDir, "project-"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  await npm(baseUrl, token, folder, "install", name);
  assert.equal(readFileSync(join(folder, "node_modules", name, "README.md"), "utf8"), readme);
  const { packages } = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"));
  return packages[`node_modules/${name}`].resolved;
}
