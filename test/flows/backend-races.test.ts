import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import {
  type Backend,
  createBackendUser,
  createRealm,
  enrolBackendUser,
  operator,
  repeatable,
  userPath,
} from "../support/backend.ts";
import { delayD1, freezeReplica, holdBatches } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { openPendingSessions } from "../support/pending.ts";
import { countEvaluated, listEvents, query, readUser } from "../support/rows.ts";
import { type Answer, Client, code, environment, wrongCode } from "../support/worker.ts";

useFreshWorker();

/** The local database is so near that requests hardly overlap on it; the production database is not. */
const farAway = () => delayD1(env.DB, 20);
const databases = [
  ["a database 20 ms away", farAway],
  ["a nearby database", () => env.DB],
] as const;

type OpenDatabase = () => D1Database;

/** The same backend in isolates of its own: they know nothing of each other, and ask the same database. */
const isolates = (backend: Backend, database: OpenDatabase = farAway, count = 3): Backend[] =>
  Array.from({ length: count }, () => backend.at(new Client(environment({ DB: database() }))));
const pick = (backends: Backend[], index: number) => backends[index % backends.length] as Backend;

const path = (call = "") => userPath("42") + call;
const statusesOf = (answers: readonly Answer[]) => answers.map(({ status }) => status).toSorted();
const times = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));
const many = (status: number, count: number): number[] => new Array(count).fill(status);

describe.each(databases)("calls of backends at the same time, on %s", (_, database) => {
  it("WB-15 fifty retries of one verify are one evaluation, and fifty equal answers", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const body = { code: await code(secret), action: "pay", nonce: "n" };
    const workers = isolates(shop, database);
    const answers = await times(50, (i) => pick(workers, i).post(path("/verify"), body, repeatable("one")));
    expect(statusesOf(answers)).toEqual(many(200, 50));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const first = answers.filter(({ headers }) => headers.get("Idempotency-Replayed") === null);
    expect(first).toHaveLength(1);
    expect(await countEvaluated()).toEqual({ accepted: 2, refused: 0, replayed: 0 });
  });

  it("WB-15 INC-17 fifty retries of one wrong code are one failure, and fifty equal answers", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const body = { code: await wrongCode(secret) };
    const workers = isolates(shop, database);
    const answers = await times(50, (i) => pick(workers, i).post(path("/verify"), body, repeatable("one")));
    expect(statusesOf(answers)).toEqual(many(401, 50));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect((await readUser("shop:42")).second_factor_failures).toBe(1);
  });

  it("OTP-11 INC-18 INC-21 one code with fifty keys, or with none, is one success, and costs no failure", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const text = await code(secret);
    const workers = isolates(shop, database);
    const answers = await times(50, (i) =>
      pick(workers, i).verify("42", text, {}, i % 5 === 0 ? {} : repeatable(`key-${i}`)),
    );
    expect(statusesOf(answers)).toEqual([200, ...many(401, 49)]);
    expect(await countEvaluated()).toEqual({ accepted: 2, refused: 0, replayed: 49 });
    expect((await readUser("shop:42")).second_factor_failures).toBe(0);
  });

  it("TH-04 INC-12 two hundred wrong codes are five evaluated, and the right one among them is none of them", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const workers = isolates(shop, database);
    const codes = await times(200, (i) => (i === 150 ? code(secret) : wrongCode(secret, i)));
    const answers = await Promise.all(codes.map((text, i) => pick(workers, i).verify("42", text)));
    const { accepted, refused, replayed } = await countEvaluated();
    // One was accepted to set it up. Where the right one came among the first, it took the failures before it back.
    if (accepted === 1) {
      expect(statusesOf(answers)).toEqual([...many(401, 5), ...many(429, 195)]);
      expect([refused, replayed]).toEqual([5, 0]);
      expect((await readUser("shop:42")).second_factor_failures).toBe(5);
      for (const { status, headers } of answers)
        if (status === 429) expect(headers.get("Retry-After")).toBe("60");
    } else {
      expect([accepted, answers[150]?.status]).toEqual([2, 200]);
      expect(refused).toBeLessThanOrEqual(9);
    }
  });

  it("BC-01 INC-18 INC-21 one backup code twenty times is one success; nine of them at once are nine", async () => {
    const shop = await createRealm();
    const { backupCodes } = await enrolBackendUser(shop);
    const workers = isolates(shop, database);
    const same = await times(20, (i) => pick(workers, i).verify("42", backupCodes[0]));
    expect(statusesOf(same)).toEqual([200, ...many(401, 19)]);
    const others = await times(9, (i) => pick(workers, i).verify("42", backupCodes[i + 1]));
    expect(statusesOf(others)).toEqual(many(200, 9));
    expect(await readUser("shop:42")).toMatchObject({ second_factor_failures: 0 });
    expect((await shop.get(path())).json.data.backup_codes_remaining).toBe(0);
  });
});

describe("further calls of backends at the same time", () => {
  it("WB-15 the fifth wrong code is answered to its retries, too, although the account is blocked by then", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    await query("UPDATE users SET second_factor_failures = 4");
    const body = { code: await wrongCode(secret) };
    const workers = isolates(shop);
    const answers = await times(20, (i) => pick(workers, i).post(path("/verify"), body, repeatable("one")));
    expect(statusesOf(answers)).toEqual(many(401, 20));
    expect((await shop.verify("42", body.code)).status).toBe(429);
  });

  it("WB-15 two bodies under one key are one answer and one conflict, whichever comes first", async () => {
    const shop = await createRealm();
    const { backupCodes } = await enrolBackendUser(shop);
    const workers = isolates(shop);
    const answers = await times(20, (i) =>
      pick(workers, i).verify("42", backupCodes[i % 2], {}, repeatable("one")),
    );
    expect(statusesOf(answers)).toEqual([...many(200, 10), ...many(409, 10)]);
    expect((await countEvaluated()).accepted).toBe(2);
    expect((await shop.get(path())).json.data.backup_codes_remaining).toBe(9);
  });

  it("TH-02 INC-15 guesses through a backend and at sign-in at once are five together", async () => {
    const admin = operator();
    const password = "correct horse battery";
    const { secret, storedId } = await enrolBackendUser(admin, "42", { username: "ada", password });
    const tokens = await openPendingSessions({ id: storedId, username: "ada", password }, 20);
    const [worker] = isolates(admin, farAway, 1) as [Backend];
    const guesses = await times(40, (i) => wrongCode(secret, i));
    const answers = await Promise.all(
      guesses.map((text, i) =>
        i % 2 === 0
          ? worker.verify("42", text)
          : worker.client.post("/totp/verify", { session_token: tokens[(i - 1) / 2], code: text }),
      ),
    );
    expect(statusesOf(answers)).toEqual([...many(401, 5), ...many(429, 35)]);
    expect((await countEvaluated()).refused).toBe(5);
  });

  it("OTP-09 one code through a backend and at sign-in at once is one success", async () => {
    const admin = operator();
    const password = "correct horse battery";
    const { secret, storedId } = await enrolBackendUser(admin, "42", { username: "ada", password });
    const tokens = await openPendingSessions({ id: storedId, username: "ada", password }, 10);
    const [worker] = isolates(admin, farAway, 1) as [Backend];
    const text = await code(secret);
    const answers = await times(20, (i) =>
      i % 2 === 0
        ? worker.verify("42", text)
        : worker.client.post("/totp/verify", { session_token: tokens[(i - 1) / 2], code: text }),
    );
    expect(statusesOf(answers)).toEqual([200, ...many(401, 19)]);
  });

  it("is one user, when fifty create or update one", async () => {
    const shop = await createRealm();
    const workers = isolates(shop);
    const answers = await times(50, (i) =>
      pick(workers, i).put(path(), { username: "ada", email: `a${i}@x.org` }),
    );
    expect(statusesOf(answers)).toEqual([...many(200, 49), 201]);
    expect(await query("SELECT id FROM users")).toEqual([{ id: "shop:42" }]);
    expect(await listEvents("user.created")).toHaveLength(1);
    const [last] = (await query<{ email: string }>("SELECT email FROM users")).map(({ email }) => email);
    expect(answers.map(({ json }) => json.data.email)).toContain(last);
  });

  it("is one user, when twenty create one, of one id or of one name", async () => {
    const shop = await createRealm();
    const workers = isolates(shop);
    const sameId = await times(20, (i) => pick(workers, i).post("/v1/users", { id: "7", username: `u${i}` }));
    expect(statusesOf(sameId)).toEqual([201, ...many(409, 19)]);
    const sameName = await times(20, (i) => pick(workers, i).put(userPath(`n${i}`), { username: "ada" }));
    expect(statusesOf(sameName)).toEqual([201, ...many(409, 19)]);
    const retries = await times(20, (i) =>
      pick(workers, i).post("/v1/users", { username: "bob" }, repeatable("one")),
    );
    expect(new Set(retries.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(await query("SELECT id FROM users")).toHaveLength(3);
  });

  it("WB-15 CR-09 is one API key, when twenty retries ask for it", async () => {
    const shop = await createRealm();
    const workers = isolates(shop);
    const wish = { name: "new", scopes: ["verify"] };
    const answers = await times(20, (i) => pick(workers, i).post("/v1/api-keys", wish, repeatable("one")));
    expect(statusesOf(answers)).toEqual(many(201, 20));
    expect(new Set(answers.map(({ json }) => json.data.key)).size).toBe(1);
    expect(await query("SELECT id FROM api_keys WHERE name = 'new'")).toHaveLength(1);
  });

  it("is one owner of a name, when two take it", async () => {
    const shop = await createRealm();
    await createBackendUser(shop, "1");
    await createBackendUser(shop, "2");
    const workers = isolates(shop);
    const answers = await times(2, (i) => pick(workers, i).put(userPath(`${i + 1}`), { username: "ada" }));
    expect(statusesOf(answers)).toEqual([200, 409]);
  });

  it("EN-01 OTP-11 is one set of backup codes, when twenty confirm one secret", async () => {
    const shop = await createRealm();
    await createBackendUser(shop);
    const { secret } = (await shop.post(path("/totp"))).json.data;
    const body = { code: await code(secret) };
    const workers = isolates(shop);
    const answers = await times(20, (i) => pick(workers, i).post(path("/totp/confirm"), body));
    expect(statusesOf(answers)).toEqual([200, ...many(409, 19)]);
    const shown: string[] = answers.find(({ status }) => status === 200)?.json.data.backup_codes;
    expect((await shop.verify("42", shown[0])).status).toBe(200);
    expect(await listEvents("totp.enabled")).toHaveLength(1);
  });

  it("WB-15 EN-04 is one secret, when twenty retries of one set-up ask for it; without a key the last one counts", async () => {
    const shop = await createRealm();
    await createBackendUser(shop);
    const workers = isolates(shop);
    const retries = await times(20, (i) => pick(workers, i).post(path("/totp"), {}, repeatable("one")));
    expect(new Set(retries.map(({ json }) => json.data.secret)).size).toBe(1);
    const others = await times(5, (i) => pick(workers, i).post(path("/totp")));
    const codes = await Promise.all(others.map(({ json }) => code(json.data.secret)));
    const statuses: number[] = [];
    for (const text of codes) {
      statuses.push((await shop.post(path("/totp/confirm"), { code: text })).status);
      await query("UPDATE users SET second_factor_failures = 0, second_factor_blocked_until = NULL");
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
  });
});

describe("a call of a backend that has read, and comes to the primary after others have written", () => {
  /** Starts a call, lets others happen when it has read everything, and only then lets it decide. */
  async function overtake(
    shop: Backend,
    start: (late: Backend) => Promise<Answer>,
    others: () => Promise<unknown>,
  ): Promise<Answer> {
    const held = holdBatches(env.DB);
    const answer = start(shop.at(new Client(environment({ DB: held.db }))));
    const first = await Promise.race([held.reached, answer]);
    if (first !== undefined) throw new Error(`It was over before it wrote: ${first.status} ${first.text}`);
    await others();
    held.release();
    return answer;
  }

  it("TH-04 is not evaluated when a cool-down has begun, or the hundredth failure has happened", async () => {
    const shop = await createRealm();
    const { secret, backupCodes } = await enrolBackendUser(shop);
    await query("UPDATE users SET second_factor_failures = 4");
    const fail = async () => void (await shop.verify("42", await wrongCode(secret)));
    const blocked = await overtake(shop, (late) => late.verify("42", backupCodes[0]), fail);
    expect(blocked).toMatchObject({ status: 429, json: { code: "too_many_attempts" } });
    await query("UPDATE users SET second_factor_failures = 99, second_factor_blocked_until = NULL");
    const disabled = await overtake(
      shop,
      (late) => late.verify("42", backupCodes[0]),
      async () => {
        await fail();
        // The cool-down that came with it may be over by then.
        await query("UPDATE users SET second_factor_blocked_until = NULL");
      },
    );
    expect(disabled).toMatchObject({ status: 403, json: { code: "second_factor_disabled" } });
    expect((await shop.get(path())).json.data.backup_codes_remaining).toBe(10);
  });

  it("SE-11 EN-08 is refused when the account has been closed, reset, or given another secret", async () => {
    const shop = await createRealm();
    const { secret, backupCodes } = await enrolBackendUser(shop);
    const verify = (late: Backend) => code(secret).then((text) => late.verify("42", text));
    const closed = await overtake(shop, verify, () => shop.post(path("/disable")));
    expect(closed).toMatchObject({ status: 403, json: { code: "forbidden" } });
    await shop.post(path("/enable"));
    // The code of a step that is unspent, so that nothing but the secret can be in the way.
    const next = await code(secret, 1);
    const replaced = await overtake(
      shop,
      (late) => late.verify("42", next),
      async () => {
        const started = await shop.post(path("/totp"), { code: backupCodes[0] });
        const first = await code(started.json.data.secret);
        expect((await shop.post(path("/totp/confirm"), { code: first })).status).toBe(200);
      },
    );
    expect(replaced).toMatchObject({ status: 401, json: { code: "invalid_code" } });
    const reset = await overtake(shop, verify, () => shop.post(path("/reset")));
    expect(reset).toMatchObject({ status: 409, json: { code: "not_enabled" } });
  });

  it("is 404 when the user has been deleted, and brings nothing of it back", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const calls: ((late: Backend) => Promise<Answer>)[] = [
      async (late) => late.verify("42", await code(secret, 1)),
      (late) => late.post(path("/reset")),
      (late) => late.post(path("/disable")),
      (late) => late.put(path(), { email: "new@example.com" }),
      (late) => late.delete(path()),
    ];
    for (const call of calls) {
      const [row] = await query<Record<string, unknown>>("SELECT * FROM users");
      const gone = await overtake(shop, call, () => shop.delete(path()));
      expect([gone.status, gone.json.code], String(call)).toEqual([404, "not_found"]);
      expect(await query("SELECT id FROM users")).toEqual([]);
      const names = Object.keys(row ?? {});
      const places = names.map(() => "?").join(", ");
      await query(`INSERT INTO users (${names.join(", ")}) VALUES (${places})`, ...Object.values(row ?? {}));
    }
  });

  it("INC-21 succeeds with its own backup code when another one has been spent meanwhile", async () => {
    const shop = await createRealm();
    const { backupCodes } = await enrolBackendUser(shop);
    const answer = await overtake(
      shop,
      (late) => late.verify("42", backupCodes[0], {}, repeatable("one")),
      () => shop.verify("42", backupCodes[1]),
    );
    expect(answer.json.data.backup_codes_remaining).toBe(8);
    // What is kept is the answer of the round that counted.
    const again = await shop.verify("42", backupCodes[0], {}, repeatable("one"));
    expect(again.text).toBe(answer.text);
  });

  it("WB-15 gets the answer of its own retry that was faster", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const body = { code: await code(secret) };
    const answers: Answer[] = [];
    const late = await overtake(
      shop,
      (slow) => slow.post(path("/verify"), body, repeatable("one")),
      async () => void answers.push(await shop.post(path("/verify"), body, repeatable("one"))),
    );
    expect([late.status, late.text]).toEqual([200, answers[0]?.text]);
    expect((await countEvaluated()).replayed).toBe(0);
  });

  it("WB-15 gives its retry the answer that it has given itself, although the account has changed meanwhile", async () => {
    const shop = await createRealm();
    await enrolBackendUser(shop);
    for (const call of ["/disable", "/enable", "/unlock", "/reset"]) {
      const first = await overtake(
        shop,
        (late) => late.post(path(call), {}, repeatable(call)),
        () => shop.put(path(), { email: `${call.slice(1)}@example.com` }),
      );
      const again = await shop.post(path(call), {}, repeatable(call));
      expect([again.status, again.text], call).toEqual([200, first.text]);
    }
  });
});

describe("a copy of the database that is behind", () => {
  /** A backend whose reads go to a copy that stands still from now on. */
  const behind = async (shop: Backend) =>
    shop.at(new Client(environment({ DB: await freezeReplica(env.DB) })));

  it("WB-15 has not the first answer yet, and its retry gets it all the same", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const far = await behind(shop);
    const calls: [string, object][] = [
      ["/verify", { code: await code(secret) }],
      ["/verify", { code: await wrongCode(secret) }],
      ["/disable", {}],
    ];
    for (const [index, [call, body]] of calls.entries()) {
      const first = await shop.post(path(call), body, repeatable(`key-${index}`));
      const again = await far.post(path(call), body, repeatable(`key-${index}`));
      expect([again.status, again.text], call).toEqual([first.status, first.text]);
      expect(again.headers.get("Idempotency-Replayed"), call).toBe("true");
    }
    expect((await readUser("shop:42")).second_factor_failures).toBe(1);
    expect(await countEvaluated()).toMatchObject({ accepted: 2, replayed: 0 });
  });

  it("WB-15 has not even the user, and a retry that the account would refuse by now gets its first answer", async () => {
    const shop = await createRealm();
    const far = await behind(shop);
    await createBackendUser(shop);
    const { secret } = (await shop.post(path("/totp"))).json.data;
    const calls: [string, object][] = [
      ["/totp/confirm", { code: await code(secret) }],
      ["/verify", { code: await wrongCode(secret) }],
      ["/disable", {}],
    ];
    for (const [call, body] of calls) {
      // The next wrong code is the one that blocks the account.
      if (call === "/verify") await query("UPDATE users SET second_factor_failures = 4");
      const first = await shop.post(path(call), body, repeatable(call));
      const again = await far.post(path(call), body, repeatable(call));
      expect([again.status, again.text], call).toEqual([first.status, first.text]);
    }
  });

  it("OTP-09 does not know that a code is spent, and it is refused all the same", async () => {
    const shop = await createRealm();
    const { secret, backupCodes } = await enrolBackendUser(shop);
    const far = await behind(shop);
    for (const text of [await code(secret), backupCodes[0]]) {
      expect((await shop.verify("42", text)).status).toBe(200);
      expect((await far.verify("42", text)).status).toBe(401);
    }
    expect((await readUser("shop:42")).second_factor_failures).toBe(0);
  });

  it("knows neither a new user nor a new key, and both work at once", async () => {
    const far = await behind(await createRealm("books"));
    const shop = await createRealm("shop");
    const user = await enrolBackendUser(shop);
    const worker = shop.at(far.client);
    expect((await worker.get(path())).json.data.totp_enabled).toBe(true);
    expect((await worker.verify("42", await code(user.secret))).status).toBe(200);
    expect((await worker.put(path(), { email: "ada@example.com" })).status).toBe(200);
    expect((await worker.post(path("/disable"))).status).toBe(200);
    expect((await worker.delete(path())).status).toBe(200);
    expect(await query("SELECT id FROM users")).toEqual([]);
  });

  it("deletes a user, and nothing of the user works or is created again", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const far = await behind(shop);
    await shop.delete(path());
    for (const answer of [
      await far.verify("42", await code(secret)),
      await far.post(path("/reset")),
      await far.post(path("/totp")),
      await far.post(path("/enable")),
      await far.delete(path("/sessions/x")),
      await far.delete(path()),
    ])
      expect(answer).toMatchObject({ status: 404, json: { code: "not_found" } });
    expect(await query("SELECT id FROM users")).toEqual([]);
    expect(await query("SELECT id FROM sessions")).toEqual([]);
  });

  it("EN-08 has a second factor that is gone, and codes of it are refused", async () => {
    const shop = await createRealm();
    const { secret } = await enrolBackendUser(shop);
    const far = await behind(shop);
    await shop.delete(path("/totp"));
    expect(await far.verify("42", await code(secret))).toMatchObject({
      status: 409,
      json: { code: "not_enabled" },
    });
  });
});
