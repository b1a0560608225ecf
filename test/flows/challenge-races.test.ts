import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import type { Bindings } from "../../src/runtime.ts";
import { type Backend, createRealm, enrolBackendUser, userPath } from "../support/backend.ts";
import { Browser } from "../support/browser.ts";
import {
  askForCode,
  askForSetup,
  challengeCookieName,
  challengeInput,
  createChallenge,
  pathOf,
  readReceipt,
  redirectTarget,
  shopUrls,
  statusOf,
  step,
  submitCode,
  visitChallenge,
} from "../support/challenges.ts";
import { countTrips, delayD1, failAlways, failBatches, holdBatches, type Trips } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { pageLoad, visit } from "../support/gate.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { countEvaluated, listEvents, listSessionRows, readUser } from "../support/rows.ts";
import { secretOn } from "../support/site.ts";
import { base, Client, code, environment, host, wrongCode } from "../support/worker.ts";

let shop: Backend;
useFreshWorker();
beforeEach(async () => {
  collectLogLines();
  shop = await createRealm("shop", { return_urls: shopUrls });
});

const databases = [
  ["a database 20 ms away", () => delayD1(env.DB, 20)],
  ["a nearby database", () => env.DB],
] as const;

const times = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

/** The form of a page, sent by another browser with the same cookies, so that many can do so at once. */
function send(bindings: Bindings, path: string, cookie: string, fields: Record<string, string>) {
  return visit(bindings, base + path, {
    method: "POST",
    headers: {
      ...pageLoad,
      Cookie: `${challengeCookieName}=${cookie}`,
      Origin: host,
      "Content-Type": "application/x-www-form-urlencoded",
    },
    body: String(new URLSearchParams(fields)),
  });
}

/** How many of the answers are the page that goes on with a receipt, and how many have which status. */
async function outcomesOf(answers: readonly Response[]): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {};
  for (const answer of answers) {
    const confirmed = (await answer.text()).includes("<h1>Confirmed</h1>");
    const outcome = confirmed ? "confirmed" : String(answer.status);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  return outcomes;
}

describe.each(databases)("at the same time, on %s", (_, database) => {
  it("OTP-11 fifty browsers open one address: one does", async () => {
    await enrolBackendUser(shop);
    const challenge = await createChallenge(shop, "42");
    const bindings = environment({ DB: database() });
    const answers = await times(50, () => visit(bindings, pathOf(challenge.url), { headers: pageLoad }));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([303, ...new Array(49).fill(410)]);
    expect(answers.filter(({ headers }) => headers.getSetCookie()[0]?.includes("=pending_"))).toHaveLength(1);
    expect(await listSessionRows()).toHaveLength(1);
    expect(await listEvents("challenge.opened")).toHaveLength(1);
  });

  it("OTP-11 fifty right codes complete one challenge once", async () => {
    const { user, challenge, browser } = await askForCode(shop);
    const cookie = browser.cookies[challengeCookieName] ?? "";
    const bindings = environment({ DB: database() });
    const fields = { code: await code(user.secret), challenge: challenge.id };
    const answers = await times(50, () => send(bindings, "/second-factor", cookie, fields));
    const { confirmed = 0, ...others } = await outcomesOf(answers);
    expect(confirmed).toBeGreaterThanOrEqual(1);
    expect(confirmed + Object.values(others).reduce((sum, count) => sum + count, 0)).toBe(50);
    expect(await listEvents("challenge.completed")).toHaveLength(1);
    // The confirmation of the enrolment is the other one.
    expect((await countEvaluated()).accepted).toBe(2);
    expect(await listSessionRows()).toEqual([]);
    expect((await readUser("shop:42")).second_factor_failures).toBe(0);
  });

  it("OTP-11 one code completes one of ten challenges", async () => {
    const user = await enrolBackendUser(shop);
    const challenges = await times(10, () => createChallenge(shop, "42"));
    const browsers = await Promise.all(challenges.map((challenge) => visitChallenge(challenge)));
    const text = await code(user.secret);
    const bindings = environment({ DB: database() });
    const answers = await Promise.all(
      challenges.map(({ id }, index) => {
        const cookie = browsers[index]?.cookies[challengeCookieName] ?? "";
        return send(bindings, "/second-factor", cookie, { code: text, challenge: id });
      }),
    );
    expect(await outcomesOf(answers)).toEqual({ confirmed: 1, 401: 9 });
    expect(await listEvents("challenge.completed")).toHaveLength(1);
  });

  it("BC-01 ten backup codes in one challenge complete it once, and spend one", async () => {
    const { user, challenge, browser } = await askForCode(shop);
    const cookie = browser.cookies[challengeCookieName] ?? "";
    const bindings = environment({ DB: database() });
    await Promise.all(
      user.backupCodes.map((text) =>
        send(bindings, "/second-factor", cookie, { code: text, challenge: challenge.id }),
      ),
    );
    expect(await listEvents("challenge.completed")).toHaveLength(1);
    expect((await shop.get(userPath("42"))).json.data.backup_codes_remaining).toBe(9);
  });

  it("TH-04 two hundred guesses in one challenge are worth five", async () => {
    const { user, challenge, browser } = await askForCode(shop);
    const cookie = browser.cookies[challengeCookieName] ?? "";
    const bindings = environment({ DB: database() });
    const guesses = await times(200, (index) => wrongCode(user.secret, index));
    const answers = await Promise.all(
      guesses.map((text) =>
        send(bindings, "/second-factor", cookie, { code: text, challenge: challenge.id }),
      ),
    );
    expect(await outcomesOf(answers)).toEqual({ 401: 5, 429: 195 });
    expect((await readUser("shop:42")).second_factor_failures).toBe(5);
    expect(await listSessionRows()).toMatchObject([{ attempts: 5 }]);
  });

  it("EN-05 fifty confirmations of one enrolment switch it on once, and complete its challenge once", async () => {
    const { challenge, browser } = await askForSetup(shop);
    const cookie = browser.cookies[challengeCookieName] ?? "";
    const secret = secretOn(await step(browser, "start"));
    const bindings = environment({ DB: database() });
    const fields = { step: "confirm", code: await code(secret), challenge: challenge.id };
    const answers = await times(50, () => send(bindings, "/account/two-factor", cookie, fields));
    const bodies = await Promise.all(answers.map((answer) => answer.text()));
    expect(bodies.filter((body) => body.includes("Save your backup codes"))).toHaveLength(1);
    expect(await listEvents("challenge.completed")).toHaveLength(1);
    expect(await listEvents("totp.enabled")).toHaveLength(1);
  });
});

it("ends with its session, even between the read and the batch of a right code", async () => {
  const { user, challenge, browser } = await askForCode(shop);
  const cookie = browser.cookies[challengeCookieName] ?? "";
  const held = holdBatches(env.DB);
  const fields = { code: await code(user.secret), challenge: challenge.id };
  const pending = send(environment({ DB: held.db }), "/second-factor", cookie, fields);
  await held.reached;
  await shop.delete(`${userPath("42")}/sessions`);
  held.release();
  expect((await pending).status).toBe(410);
  expect((await statusOf(shop, challenge)).status).toBe("opened");
  // It was not spent.
  expect((await shop.verify("42", fields.code)).status).toBe(200);
});

describe("a hosted challenge costs", () => {
  const costOf = async <T>(act: (bindings: Bindings) => Promise<T>): Promise<{ trips: Trips; value: T }> => {
    const { db, trips } = countTrips(env.DB);
    const value = await act(environment({ DB: db }));
    return { trips, value };
  };
  const going = (browser: Browser, bindings: Bindings) => {
    const other = new Browser(bindings);
    other.adopt(browser.cookies);
    return other;
  };

  it("one batch to make, beside what it takes to know the key", async () => {
    await enrolBackendUser(shop);
    const { trips, value } = await costOf(async (bindings) => {
      const backend = shop.at(new Client(bindings));
      await backend.get("/v1/users?limit=1");
      return backend;
    });
    const readsBefore = trips.reads;
    const answer = await value.post("/v1/challenges", challengeInput("42"));
    expect(answer.status).toBe(201);
    expect(trips).toEqual({ reads: readsBefore, batches: 1 });
    await value.get(`/v1/challenges/${answer.json.data.id}`);
    expect(trips).toEqual({ reads: readsBefore + 1, batches: 1 });
  });

  it("one batch to open, and nothing to be shown", async () => {
    await enrolBackendUser(shop);
    const challenge = await createChallenge(shop, "42");
    const { trips, value } = await costOf((bindings) => visitChallenge(challenge, bindings));
    expect(value.page.heading).toBe("Confirm with your code");
    expect(trips).toEqual({ reads: 0, batches: 1 });
  });

  it("one read and one batch for a code, right or wrong", async () => {
    const { user, browser } = await askForCode(shop);
    for (const [text, heading] of [
      [await wrongCode(user.secret), "Confirm with your code"],
      [await code(user.secret), "Confirmed"],
    ] as const) {
      const { trips, value } = await costOf(async (bindings) => {
        const other = going(browser, bindings);
        await visitChallenge({ id: "", url: `${host}${base}${pathTo(browser)}` }, bindings, other);
        return submitCode(other, text);
      });
      expect(value.heading).toBe(heading);
      expect(trips).toEqual({ reads: 1, batches: 1 });
    }
  });

  it("one batch to begin the set-up, one read and one batch to confirm it, and one read to go on", async () => {
    const { browser } = await askForSetup(shop);
    const page = pathTo(browser);
    const start = await costOf(async (bindings) => {
      const other = going(browser, bindings);
      await other.open(base + page);
      await step(other, "start");
      return other;
    });
    expect(start.trips).toEqual({ reads: 0, batches: 1 });
    const secret = secretOn(start.value.page);
    const { db, trips } = countTrips(env.DB);
    const other = going(browser, environment({ DB: db }));
    const fields = { step: "confirm", code: await code(secret), challenge: page.split("=").at(-1) ?? "" };
    await other.post("/account/two-factor", fields);
    expect(trips).toEqual({ reads: 1, batches: 1 });
    const done = await other.follow(other.page.links[0]?.href ?? "");
    expect(redirectTarget(done)).not.toBeNull();
    expect(readReceipt(done).sub).toBe("42");
    expect(trips).toEqual({ reads: 2, batches: 1 });
  });
});

/** The path of the page that a browser shows, without the base. */
const pathTo = (browser: Browser) => browser.page.path.slice(base.length);

describe("TH-09 when the database fails", () => {
  it("opens nothing, and the address is good afterwards", async () => {
    await enrolBackendUser(shop);
    const challenge = await createChallenge(shop, "42");
    const broken = await visitChallenge(challenge, environment({ DB: failAlways(env.DB) }));
    expect([broken.page.status, broken.cookies]).toEqual([503, {}]);
    expect((await visitChallenge(challenge)).page.status).toBe(200);
  });

  it("takes no code, and gives no receipt", async () => {
    const { user, challenge, browser } = await askForCode(shop);
    const cookie = browser.cookies[challengeCookieName] ?? "";
    const fields = { code: await code(user.secret), challenge: challenge.id };
    for (const db of [failAlways(env.DB), failBatches(env.DB)]) {
      const answer = await send(environment({ DB: db }), "/second-factor", cookie, fields);
      expect(answer.status).toBe(503);
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    expect((await submitCode(browser, fields.code)).heading).toBe("Confirmed");
  });

  it("makes none", async () => {
    await enrolBackendUser(shop);
    const broken = shop.at(new Client(environment({ DB: failBatches(env.DB) })));
    expect((await broken.post("/v1/challenges", challengeInput("42"))).status).toBe(503);
  });
});
