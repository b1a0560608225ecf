import assert from "node:assert/strict";
import { it } from "node:test";
import type { Flood } from "../apps/flood.ts";
import type { Gate } from "../support/gates.ts";
import { Visitor } from "../support/visitor.ts";
import type { Cast } from "./cast.ts";
import { arriveSignedIn, enrolVisitor } from "./sign-in.ts";

export function describeFlood(cast: () => Cast<Flood>): void {
  it("shows in its page what its server-sent events say, until the sign-out (password)", async () => {
    const { browser, password: gate, program } = cast();
    const visitor = await arriveSignedIn(browser, gate, "/");
    try {
      const opened = opensStream(visitor);
      await signIn(visitor, program);
      await opened;
      await seesEvent(visitor, program, "mad-tea-party");
      await endsWithSession(visitor, gate);
    } finally {
      await visitor.leave();
    }
  });

  it("leads from its own login through the second factor to its events (origin)", async () => {
    const { browser, origin: gate, program } = cast();
    const visitor = await Visitor.arrive(browser, gate);
    try {
      await visitor.open("/");
      await signIn(visitor, program);
      // Its script does not load another page: the code is required at the next one.
      await visitor.open("/");
      const opened = opensStream(visitor);
      await enrolVisitor(visitor, gate);
      await opened;
      await seesEvent(visitor, program, "caucus-race");
    } finally {
      await visitor.leave();
    }
  });
}

async function signIn({ page }: Visitor, { username, password }: Flood): Promise<void> {
  await page.locator("input[name=username]").fill(username);
  await page.locator("input[name=password]").fill(password);
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === "POST"),
    page.locator("button[type=submit]").click(),
  ]);
  assert.equal(answer.status(), 200);
}

async function opensStream({ page }: Visitor): Promise<void> {
  const response = await page.waitForResponse(
    (answer) => new URL(answer.url()).pathname === "/api/activity-stream",
  );
  assert.equal(response.status(), 200);
  assert.match(response.headers()["content-type"] ?? "", /^text\/event-stream/);
}

async function seesEvent({ page }: Visitor, flood: Flood, name: string): Promise<void> {
  await flood.addTorrent(name);
  await page.getByText(name).first().waitFor();
}

/** The visitor signs out in another tab: the open stream ends, and the page gets no other one. */
async function endsWithSession({ page }: Visitor, { baseUrl, basePath }: Gate): Promise<void> {
  const tab = await page.context().newPage();
  await tab.goto(`${baseUrl}${basePath}/sign-out`);
  await Promise.all([
    page.waitForResponse(
      (answer) => new URL(answer.url()).pathname === "/api/activity-stream" && answer.status() === 401,
    ),
    tab.getByRole("button", { name: "Sign out", exact: true }).click(),
  ]);
}
