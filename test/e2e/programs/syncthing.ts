import assert from "node:assert/strict";
import { it } from "node:test";
import type { Program } from "../apps/program.ts";
import { Visitor } from "../support/visitor.ts";
import type { Cast } from "./cast.ts";
import { enrolVisitor } from "./sign-in.ts";

export function describeSyncthing(cast: () => Cast): void {
  // Syncthing adds a session cookie to the Basic password, which makes another set of credentials.
  it("shows its state after a code for the Basic password, and one for its session cookie (origin)", async () => {
    const { browser, origin: gate, program } = cast();
    const visitor = await arrive(browser, gate, program);
    try {
      await visitor.open("/");
      const authenticator = await enrolVisitor(visitor, gate);
      await visitor.open("/");
      assert.equal(visitor.pathname, `${gate.basePath}/second-factor`);
      const polled = visitor.page.waitForResponse((response) =>
        response.url().includes("/rest/events?since="),
      );
      await visitor.giveCode(await authenticator.soonestCode());
      assert.equal(visitor.pathname, "/");
      await visitor.page.getByText("Default Folder").first().waitFor();
      assert.equal((await polled).status(), 200);
    } finally {
      await visitor.leave();
    }
  });
}

function arrive(browser: Cast["browser"], gate: Cast["origin"], { username, password }: Program) {
  return Visitor.arrive(browser, gate, { httpCredentials: { username, password } });
}
