import assert from "node:assert/strict";
import { it } from "node:test";
import type { Gate } from "../support/gates.ts";
import { Visitor } from "../support/visitor.ts";
import type { Cast } from "./cast.ts";
import { arriveSignedIn, enrolVisitor } from "./sign-in.ts";

/** Bytes that no text encoding leaves as they are. */
const picture = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 7) % 256));

export function describeJupyter(cast: () => Cast): void {
  it("uploads files and runs code over its WebSocket (password)", async () => {
    const { browser, password: gate, program } = cast();
    const visitor = await arriveSignedIn(browser, gate, "/tree");
    try {
      await signIn(visitor, program.password);
      await uploadAndRun(visitor, gate, "password");
    } finally {
      await visitor.leave();
    }
  });

  it("leads from its own login through the second factor to a kernel (origin)", async () => {
    const { browser, origin: gate, program } = cast();
    const visitor = await Visitor.arrive(browser, gate);
    try {
      await visitor.open("/tree");
      await signIn(visitor, program.password);
      await enrolVisitor(visitor, gate);
      assert.equal(visitor.pathname, "/tree");
      await uploadAndRun(visitor, gate, "origin");
    } finally {
      await visitor.leave();
    }
  });
}

async function signIn(visitor: Visitor, password: string): Promise<void> {
  assert.equal(visitor.pathname, "/login");
  await visitor.page.locator("#password_input").fill(password);
  await visitor.go(() => visitor.page.locator("#login_submit").click());
}

/** With Jupyter's own pages: two uploads through the contents API, and a cell whose output comes over the WebSocket. */
async function uploadAndRun({ page }: Visitor, { baseUrl }: Gate, name: string): Promise<void> {
  await upload(page, `${name}.png`, picture);
  await upload(page, `${name}.ipynb`, Buffer.from(JSON.stringify(notebook(`print("the answer is", 6 * 7)`))));

  const opened = page.waitForEvent("websocket");
  await page.goto(`${baseUrl}/notebooks/${name}.ipynb`);
  assert.equal(new URL((await opened).url()).host, new URL(baseUrl).host);
  await page.locator("#kernel_indicator_icon.kernel_idle_icon").waitFor();
  await page.locator(".CodeMirror").first().click();
  await page.keyboard.press("Shift+Enter");
  await page.getByText("the answer is 42").waitFor();

  // By a script of the page, as a browser sends it.
  const read = await page.evaluate(async (path) => {
    const bytes = new Uint8Array(await (await fetch(path)).arrayBuffer());
    return Array.from(bytes);
  }, `/files/${name}.png`);
  assert.ok(Buffer.from(read).equals(picture), `${read.length} bytes`);
}

async function upload(page: Visitor["page"], name: string, buffer: Buffer): Promise<void> {
  await page.locator("#alternate_upload input[type=file]").setInputFiles({
    name,
    buffer,
    mimeType: "application/octet-stream",
  });
  const [saved] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === "PUT"),
    page.locator(".upload_button").first().click(),
  ]);
  assert.equal(saved.status(), 201);
  await page.locator(`.item_link:has-text("${name}")`).first().waitFor();
}

const notebook = (source: string) => ({
  cells: [{ cell_type: "code", execution_count: null, metadata: {}, outputs: [], source: [source] }],
  metadata: { kernelspec: { display_name: "Python 3", language: "python", name: "python3" } },
  nbformat: 4,
  nbformat_minor: 4,
});
