import assert from "node:assert/strict";
import { it } from "node:test";
import type { Program } from "../apps/program.ts";
import { Visitor } from "../support/visitor.ts";
import { openWebSocket } from "../support/web-socket.ts";
import type { Cast } from "./cast.ts";
import { arriveSignedIn } from "./sign-in.ts";

export function describeNodeRed(cast: () => Cast): void {
  it("deploys a flow in its editor, and shows its message over the WebSocket (password)", async () => {
    const { browser, password: gate, program } = cast();
    const visitor = await arriveSignedIn(browser, gate, "/");
    try {
      const opened = visitor.page.waitForEvent("websocket");
      await signIn(visitor, program);
      assert.equal(new URL((await opened).url()).host, new URL(gate.baseUrl).host);
      await deployAndInject(visitor);
    } finally {
      await visitor.leave();
    }
  });

  it("keeps its flows and its WebSocket from a visitor who has only the password (origin)", async () => {
    const { browser, origin: gate, program } = cast();
    const visitor = await Visitor.arrive(browser, gate);
    try {
      await visitor.open("/");
      const [answer] = await Promise.all([
        visitor.page.waitForResponse(
          async (response) => (await response.request().headerValue("authorization")) !== null,
        ),
        signIn(visitor, program),
      ]);
      assert.equal(answer.status(), 401);
      assert.equal((await answer.json()).code, "second_factor_required");

      const Authorization = `Bearer ${await readToken(visitor)}`;
      const ask = (baseUrl: string) => fetch(`${baseUrl}/flows`, { headers: { Authorization } });
      assert.match(await (await ask(program.url)).text(), /down the rabbit-hole/);
      const flows = await ask(gate.baseUrl);
      assert.equal(flows.status, 401);
      assert.doesNotMatch(await flows.text(), /rabbit-hole/);
      assert.deepEqual(await openWebSocket(`${gate.baseUrl}/comms`, {}), { open: false, status: 401 });
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

/** Moves a node and deploys the flow, presses the button of the node, and reads the message in the debug sidebar. */
async function deployAndInject({ page }: Visitor): Promise<void> {
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
  await page.locator("#n1 .red-ui-flow-node-button-button").click();
  await page.locator(".red-ui-debug-msg").getByText("down the rabbit-hole").waitFor();
}
