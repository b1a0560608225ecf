import { expect, it } from "vitest";
import { createRealm, enrolBackendUser } from "../support/backend.ts";
import { createChallenge, pathOf, shopUrls, visitChallenge } from "../support/challenges.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { environment, host, send } from "../support/worker.ts";

// docs/hosted-challenge.md, "Logs that hold the address".

useFreshWorker();

it("INC-37 Sallyport's own log never holds the address of a challenge, whatever becomes of the request", async () => {
  const shop = await createRealm("shop", { return_urls: shopUrls });
  const user = await enrolBackendUser(shop, "42", { username: "ada" });
  const challenge = await createChallenge(shop, user.id);
  const path = pathOf(challenge.url);
  const secret = path.slice(path.lastIndexOf("/") + 1);
  const ask = async (init: RequestInit, bindings = environment()) => {
    const response = await send(new Request(host + path, { redirect: "manual", ...init }), bindings);
    return [response.status, await response.text()] as const;
  };
  const lines = collectLogLines();
  const broken = { ...environment(), DB: undefined as unknown as D1Database };
  for (const [init, bindings] of [
    [{ method: "HEAD" }],
    [{ method: "POST" }],
    [{ headers: { "Sec-Fetch-Dest": "iframe" } }],
    [{}, broken],
  ] as const) {
    const [status, text] = await ask(init, bindings);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(text).not.toContain(secret);
  }
  // The failed store has left a line, and none of these requests has used the address up.
  expect(lines.length).toBeGreaterThan(0);
  expect((await visitChallenge(challenge)).page.status).toBe(200);
  expect((await ask({}))[0]).toBe(410);
  expect(lines.join()).not.toContain(secret);
});
