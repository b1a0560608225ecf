import assert from "node:assert/strict";
import { it } from "node:test";
import type { Program } from "../apps/program.ts";
import { Visitor } from "../support/visitor.ts";
import { openWebSocket as sendHandshake } from "../support/web-socket.ts";
import type { Cast } from "./cast.ts";
import { arriveSignedIn, enrolVisitor } from "./sign-in.ts";

export function describeNodeRed(cast: () => Cast): void {
  it("deploys a flow in its editor, and shows its message over the WebSocket (password)", async () => {
    const { browser, password: gate, program } = cast();
    const visitor = await arriveSignedIn(browser, gate, "/");
    try {
      const opened = visitor.page.waitForEvent("websocket");
      await signIn(visitor, program);
      assert.equal(new URL((await opened).url()).host, new URL(gate.baseUrl).host);
      await deploy(visitor);
      await inject(visitor);
    } finally {
      await visitor.leave();
    }
  });

  it("hands its token over, deploys after the second factor, and opens no WebSocket (origin)", async () => {
    const { browser, origin: gate, program } = cast();
    const visitor = await Visitor.arrive(browser, gate);
    try {
      await visitor.open("/");
      await signIn(visitor, program);
      await visitor.page.waitForURL(new RegExp(`^${gate.baseUrl}${gate.basePath}/account/two-factor`));

      // An attacker who has only the password has this token.
      const Authorization = `Bearer ${await readToken(visitor)}`;
      const ask = (baseUrl: string) => fetch(`${baseUrl}/flows`, { headers: { Authorization } });
      assert.match(await (await ask(program.url)).text(), /down the rabbit-hole/);
      const flows = await ask(gate.baseUrl);
      assert.equal(flows.status, 401);
      assert.doesNotMatch(await flows.text(), /rabbit-hole/);

      await enrolVisitor(visitor, gate);
      await deploy(visitor);
      const Cookie = await readCookies(visitor);
      assert.equal((await openWebSocket(program.url, "/comms")).open, true);
      assert.deepEqual(await openWebSocket(gate.baseUrl, "/comms", { Cookie }), { open: false, status: 401 });
    } finally {
      await visitor.leave();
    }
  });
}

/** The editor's token, which its script keeps in the browser's storage. */
async function readToken({ page }: Visitor): Promise<string> {
  const stored = await page.evaluate(() => localStorage.getItem("auth-tokens"));
  return (JSON.parse(stored ?? "{}") as { access_token: string }).access_token;
}

async function signIn({ page }: Visitor, { username, password }: Program): Promise<void> {
  await page.locator("#node-dialog-login-username").fill(username);
  await page.locator("#node-dialog-login-password").fill(password);
  await page.locator("#node-dialog-login-submit").click();
}

/** Moves a node, and deploys the flow. */
async function deploy({ page }: Visitor): Promise<void> {
  await page.locator("#n1 .red-ui-flow-node-label").waitFor();
  const label = await page.locator("#n1 .red-ui-flow-node-label").boundingBox();
  assert.ok(label);
  await page.mouse.move(label.x + 10, label.y + 5);
  await page.mouse.down();
  await page.mouse.move(label.x + 30, label.y + 55, { steps: 5 });
  await page.mouse.up();
  const [deployed] = await Promise.all([
    page.waitForResponse((response) => new URL(response.url()).pathname === "/flows"),
    page.locator("#red-ui-header-button-deploy").click(),
  ]);
  assert.equal(deployed.status(), 200);
}

/** Presses the button of the node, and reads its message in the debug sidebar. */
async function inject({ page }: Visitor): Promise<void> {
  await page.locator("#n1 .red-ui-flow-node-button-button").click();
  await page.locator(".red-ui-debug-msg").getByText("down the rabbit-hole").waitFor();
}

async function readCookies({ page }: Visitor): Promise<string> {
  const cookies = await page.context().cookies();
  return cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
}

async function openWebSocket(baseUrl: string, path: string, headers: Record<string, string> = {}) {
  const handshake = await sendHandshake(baseUrl + path, headers);
  if (handshake.open) handshake.socket.destroy();
  return handshake;
}
