import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { serviceOperations } from "../../src/http/api/service/service-operations.ts";
import { SecondFactor } from "../../src/rpc.ts";
import { type Backend, createKey, operator, repeatable, userPath } from "../support/backend.ts";
import { challengeInput, shopUrls } from "../support/challenges.ts";
import { tapD1 } from "../support/d1.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { fileOf, importFile, rfcSecret, withExportKey } from "../support/import-export.ts";
import { collectLogLines, parseLines } from "../support/log-lines.ts";
import { dumpDatabase, type EventRecord, listEvents, listEveryEvent, query } from "../support/rows.ts";
import { type Answer, Client, code, codeOfStep, environment } from "../support/worker.ts";

// INC-29: ADMIN_KEY alone does not touch the accounts in ADMIN_USERS. The table below has every call of the service API
// that changes something, by its id, and a test compares it with the calls that there are.

const exportKeyHeader = "X-Sallyport-Export-Key";

/** An account is meant in every spelling, in the variable and in a request. */
const variables = { ADMIN_USERS: "root, Ｔｏｏｒ ,heir" };

/** Two accounts of ADMIN_USERS, a name of ADMIN_USERS that no account has, and an account that is none of them. */
interface World {
  readonly realm: string;
  readonly client: Client;
  /** Has a second factor. */
  readonly root: { readonly id: string; readonly secret: string; readonly backupCodes: string[] };
  /** Has none, and a set-up that waits for its first code. */
  readonly toor: { readonly id: string; readonly pendingSecret: string };
  readonly bob: { readonly id: string };
}

/** One way to aim a call at an account of ADMIN_USERS. */
interface Attempt {
  readonly method: string;
  readonly path: string;
  readonly body?: object | string;
  /** Lines of an import. */
  readonly lines?: string;
  /** What it comes to when it is allowed, where that is no success. */
  readonly fails?: unknown;
}

async function createWorld(realm: string): Promise<World> {
  const client = new Client(environment(variables));
  const { token, headers } = { token: env.ADMIN_KEY, headers: withExportKey };
  const call = (method: string, path: string, body: object = {}) =>
    client.call(`${path}?realm=${realm}`, { method, body, token, headers });
  for (const [id, username] of [
    ["r-1", "root"],
    ["t-1", "toor"],
    ["b-1", "bob"],
  ])
    expect((await call("PUT", userPath(id ?? ""), { username })).status).toBe(201);
  const started = await call("POST", `${userPath("r-1")}/totp`);
  const { secret } = started.json.data;
  const first = await codeOfStep(secret, Math.floor(Date.now() / 30_000) - 1);
  const confirmed = await call("POST", `${userPath("r-1")}/totp/confirm`, { code: first });
  const pending = await call("POST", `${userPath("t-1")}/totp`);
  await query("DELETE FROM audit_events");
  return {
    realm,
    client,
    root: { id: "r-1", secret, backupCodes: confirmed.json.data.backup_codes },
    toor: { id: "t-1", pendingSecret: pending.json.data.secret },
    bob: { id: "b-1" },
  };
}

type Attempts = (world: World) => readonly Attempt[] | Promise<readonly Attempt[]>;

const post = (path: string, body: object = {}): Attempt => ({ method: "POST", path, body });
const put = (path: string, body: object): Attempt => ({ method: "PUT", path, body });
const remove = (path: string): Attempt => ({ method: "DELETE", path });

/** Every call that changes accounts, aimed at those of ADMIN_USERS. With EXPORT_KEY each goes well, in this order. */
const attempts: Readonly<Record<string, Attempts>> = {
  createUser: () => [
    post("/v1/users", { username: "heir" }),
    // In another spelling; by then there is one.
    {
      ...post("/v1/users", { id: "h-2", username: " ＨＥＩＲ " }),
      fails: { code: "conflict", words: "There is a user of this name." },
    },
  ],
  putUser: ({ root, bob }) => [
    put(userPath(root.id), { password: "a password of the attacker" }),
    put(userPath(root.id), { email: "attacker@evil.example" }),
    put(userPath(bob.id), { username: "HEIR" }),
    // Out of the way, so that another account can take the name.
    put(userPath(root.id), { username: "somebody-else" }),
    put(userPath("new"), { username: "root", password: "a password of the attacker" }),
  ],
  disableUser: ({ root }) => [post(`${userPath(root.id)}/disable`)],
  enableUser: ({ root }) => [post(`${userPath(root.id)}/enable`)],
  deleteUser: ({ root }) => [remove(userPath(root.id))],
  verifyCode: async ({ root }) => [
    post(`${userPath(root.id)}/verify`, { code: await code(root.secret) }),
    post(`${userPath(root.id)}/verify`, { code: root.backupCodes[0] }),
  ],
  startTotp: ({ root, toor }) => [
    post(`${userPath(toor.id)}/totp`),
    post(`${userPath(root.id)}/totp`, { code: root.backupCodes[0] }),
  ],
  confirmTotp: async ({ toor }) => [
    post(`${userPath(toor.id)}/totp/confirm`, { code: await code(toor.pendingSecret) }),
  ],
  removeTotp: ({ root }) => [remove(`${userPath(root.id)}/totp`)],
  regenerateBackupCodes: ({ root }) => [
    post(`${userPath(root.id)}/backup-codes`, { code: root.backupCodes[0] }),
  ],
  resetUser: ({ root }) => [post(`${userPath(root.id)}/reset`)],
  unlockUser: ({ root }) => [post(`${userPath(root.id)}/unlock`)],
  createChallenge: ({ root, toor }) => [
    post("/v1/challenges", challengeInput(toor.id)),
    post("/v1/challenges", challengeInput(root.id)),
  ],
  endUserSessions: ({ root }) => [remove(`${userPath(root.id)}/sessions`)],
  endUserSession: ({ root }) => [remove(`${userPath(root.id)}/sessions/s-1`)],
  importUsers: () => [
    { method: "POST", path: "/v1/import", lines: fileOf({ username: "Heir", secret: rfcSecret }) },
    { method: "POST", path: "/v1/import", lines: fileOf({ id: "r-1", username: "root" }) },
    // Whether this is the secret of the account is not said without EXPORT_KEY either.
    {
      method: "POST",
      path: "/v1/import",
      lines: fileOf({ username: "root", secret: rfcSecret }),
      fails: { code: "conflict", words: expect.stringContaining("with other data") },
    },
  ],
};

/** Calls that change something, and no account. Keys are of a realm; `exportUsers` has a test of its own below. */
const touchesNoAccount = ["createApiKey", "revokeApiKey", "exportUsers"];

const idOf = ({ path }: Attempt) => decodeURIComponent(/^\/v1\/users\/([^/]+)/.exec(path)?.[1] ?? "");
const nameOf = ({ method, path, body, lines }: Attempt) =>
  `${method} ${path} ${JSON.stringify(body ?? lines ?? "")}`;

async function make(
  { client, realm }: World,
  caller: Backend,
  { method, path, body, lines }: Attempt,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const at = caller.at(client);
  const token = at.key;
  if (lines !== undefined) return importFile(lines, { realm, token, headers, bindings: client.bindings });
  return client.call(`${path}?realm=${realm}`, {
    method,
    token,
    headers,
    ...(body === undefined ? {} : { body }),
  });
}

/** What a refusal says; null for what goes well. An import is refused line by line. */
function refusalIn({ status, json }: Answer): unknown {
  const [line] = json.data?.errors ?? [];
  if (line !== undefined) return { code: line.code, words: line.detail };
  return status < 300 ? null : { code: json.code, words: json.detail };
}

/** A session of an account, to be ended. */
const insertSession = (id: string, userId: string) =>
  query(
    `INSERT INTO sessions (id, kind, user_id, attempts, amr, first_factor_at, created_at, last_seen_at, expires_at)
     VALUES (?, 'full', ?, 0, '[]', 0, 0, ?, ?)`,
    id,
    userId,
    Date.now(),
    Date.now() + 3_600_000,
  );

/** Everything but what a refusal may write: its record, and the counter of imports. */
async function dumpAccounts() {
  const { audit_events: _, throttles: __, api_keys: ___, ...tables } = await dumpDatabase();
  return tables;
}

let lines: readonly string[];

useFreshWorker();
beforeEach(() => {
  lines = collectLogLines();
});

const notShown = /needs EXPORT_KEY: send it in X-Sallyport-Export-Key/;
const refusedFor = (words: RegExp) => ({
  code: "forbidden",
  words: expect.stringMatching(words),
});

describe("the table of calls", () => {
  it("INC-29 has every call of the service API that changes something", () => {
    const changing = serviceOperations.filter(({ method }) => method !== "get").map(({ id }) => id);
    expect([...Object.keys(attempts), ...touchesNoAccount].toSorted()).toEqual(changing.toSorted());
  });

  it("INC-29 is what the document says of EXPORT_KEY: each of these calls has its header, and no other", () => {
    const documented = serviceOperations.filter(
      (operation) => "headers" in operation && "X-Sallyport-Export-Key" in (operation.headers ?? {}),
    );
    expect(documented.map(({ id }) => id).toSorted()).toEqual(
      [...Object.keys(attempts), "exportUsers"].toSorted(),
    );
  });
});

describe.each(["local", "origin", "jwt", "proxy"])("an account of ADMIN_USERS in the realm %s", (realm) => {
  it.each(Object.keys(attempts))(
    "INC-29 is not touched by %s without EXPORT_KEY, and each try is recorded",
    async (operation) => {
      const world = await createWorld(realm);
      await insertSession("s-1", `${realm}:r-1`);
      const minted = await createKey(operator(world.client), realm, { return_urls: shopUrls });
      const tries = (await attempts[operation]?.(world)) ?? [];
      // ADMIN_KEY has no return_urls, and is refused for that: it makes a key that has some.
      const callers = operation === "createChallenge" ? [minted] : [operator(), minted];
      const before = await dumpAccounts();
      for (const caller of callers) {
        for (const attempt of tries) {
          const what = `${caller.actor}: ${nameOf(attempt)}`;
          await query("DELETE FROM audit_events");
          const without = await make(world, caller, attempt);
          expect([what, refusalIn(without)]).toEqual([what, refusedFor(notShown)]);
          const wrongKey = { [exportKeyHeader]: env.ADMIN_KEY };
          const wrong = await make(world, caller, attempt, wrongKey);
          expect([what, refusalIn(wrong)]).toEqual([what, refusedFor(/is not EXPORT_KEY/)]);
          const events = await listEveryEvent();
          expect(events.map(({ type, detail }) => [type, JSON.parse(detail ?? "").why])).toEqual([
            ["export_key.refused", "not_shown"],
            ["export_key.refused", "wrong"],
          ]);
          for (const event of events) expectTarget(event, caller, realm, attempt);
        }
      }
      expect(await dumpAccounts()).toEqual(before);
    },
  );
});

describe("an account of ADMIN_USERS", () => {
  const realm = "local";

  it.each(Object.keys(attempts))(
    "INC-29 is changed by %s with EXPORT_KEY, and each use is recorded once, before",
    async (operation) => {
      const world = await createWorld(realm);
      await insertSession("s-1", `${realm}:r-1`);
      const caller =
        operation === "createChallenge"
          ? await createKey(operator(world.client), realm, { return_urls: shopUrls })
          : operator();
      for (const attempt of (await attempts[operation]?.(world)) ?? []) {
        await query("DELETE FROM audit_events");
        const answer = await make(world, caller, attempt, withExportKey);
        expect([nameOf(attempt), refusalIn(answer)]).toEqual([nameOf(attempt), attempt.fails ?? null]);
        const [event, ...others] = await listEveryEvent();
        expect([event?.type, others.map(({ type }) => type)]).toEqual([
          "export_key.accepted",
          others.map(({ type }) => type).filter((type) => !type.startsWith("export_key.")),
        ]);
        if (event !== undefined) expectTarget(event, caller, realm, attempt);
      }
    },
  );
});

/** An event names its actor, and the account or the name that the call was aimed at. */
function expectTarget(event: EventRecord, caller: Backend, realm: string, attempt: Attempt): void {
  expect(event).toMatchObject({ actor: caller.actor, realm });
  expect(["root", "toor", "heir", "bob"]).toContain(JSON.parse(event.detail ?? "").username);
  const id = idOf(attempt);
  if (id !== "" && id !== "new")
    expect([nameOf(attempt), event.user_id]).toEqual([nameOf(attempt), `${realm}:${id}`]);
}

describe("EXPORT_KEY", () => {
  it("INC-29 is asked for when the deployment has none: the account stays closed to every caller", async () => {
    const world = await createWorld("local");
    const client = new Client(environment({ ...variables, EXPORT_KEY: undefined }));
    const before = await dumpAccounts();
    for (const headers of [{}, withExportKey]) {
      const answer = await make({ ...world, client }, operator(), post(`${userPath("r-1")}/reset`), headers);
      expect(refusalIn(answer)).toEqual(
        refusedFor(/this deployment has none: set it with wrangler secret put EXPORT_KEY/),
      );
      expect(answer.json.export_key).toBe("not_set");
    }
    expect(await dumpAccounts()).toEqual(before);
  });

  it("INC-29 is in the log at each use and each refusal, as a warning with actor and account, and never itself", async () => {
    const world = await createWorld("local");
    const reset = post(`${userPath("r-1")}/reset`);
    const from = lines.length;
    await make(world, operator(), reset);
    await make(world, operator(), reset, { [exportKeyHeader]: "wrong-key-1848" });
    await make(world, operator(), reset, withExportKey);
    const said = parseLines(lines.slice(from)).filter(({ event }) => String(event).startsWith("export_key."));
    const common = { level: "warn", actor: "admin", realm: "local", user_id: "local:r-1", username: "root" };
    expect(said).toMatchObject([
      { ...common, event: "export_key.refused", why: "not_shown", deed: "second_factor.reset" },
      { ...common, event: "export_key.refused", why: "wrong", deed: "second_factor.reset" },
      { ...common, event: "export_key.accepted", deed: "second_factor.reset" },
    ]);
    const everything = lines.join("\n") + JSON.stringify(await dumpDatabase());
    for (const secret of [env.EXPORT_KEY, "wrong-key-1848"]) expect(everything).not.toContain(secret);
  });

  it("INC-29 INC-20 opens nothing when its use can't be recorded", async () => {
    const world = await createWorld("local");
    const DB = tapD1(env.DB, ({ sql }) => {
      if (sql.length === 1 && sql[0]?.startsWith('insert into "audit_events"')) throw new Error("D1_ERROR");
    });
    const client = new Client(environment({ ...variables, DB }));
    const before = await dumpAccounts();
    const answer = await make(
      { ...world, client },
      operator(),
      post(`${userPath("r-1")}/reset`),
      withExportKey,
    );
    expect([answer.status, answer.json.code]).toEqual([503, "store_unavailable"]);
    expect(await dumpAccounts()).toEqual(before);
  });

  it("INC-29 is not looked at where it is not needed: no other account, no other realm, no call that only reads", async () => {
    const world = await createWorld("local");
    const wrong = { [exportKeyHeader]: "wrong" };
    const { client } = world;
    const bob = await client.call(`${userPath("b-1")}/reset`, {
      method: "POST",
      token: env.ADMIN_KEY,
      headers: wrong,
    });
    expect(bob.status).toBe(200);
    for (const path of [
      userPath("r-1"),
      `${userPath("r-1")}/sessions`,
      "/v1/users?username=root",
      "/v1/events?user=r-1",
    ])
      expect((await client.call(path, { token: env.ADMIN_KEY, headers: wrong })).status, path).toBe(200);
    // A backend's own users have the names that they like.
    const shop = { method: "PUT", token: env.ADMIN_KEY, body: { username: "root" } };
    expect((await client.call(`${userPath("1")}?realm=shop`, shop)).status).toBe(201);
    expect(await listEvents("export_key.accepted", "export_key.refused")).toEqual([]);
  });

  it("INC-29 is needed for an external account in every spelling of its name", async () => {
    const world = await createWorld("origin");
    await query("UPDATE users SET username = 'ROOT' WHERE username = 'root'");
    const answer = await make(world, operator(), post(`${userPath("r-1")}/reset`));
    expect(refusalIn(answer)).toEqual(refusedFor(notShown));
  });

  it("INC-29 is needed to see an answer again that was given for it", async () => {
    const world = await createWorld("local");
    const start = post(`${userPath("t-1")}/totp`);
    const again = repeatable("start-1").headers ?? {};
    const first = await make(world, operator(), start, { ...again, ...withExportKey });
    expect(first.status).toBe(200);
    const { secret } = first.json.data;
    for (const headers of [again, { ...again, [exportKeyHeader]: "wrong" }]) {
      const refused = await make(world, operator(), start, headers);
      expect([refused.status, refused.json.code]).toEqual([409, "idempotency_conflict"]);
      expect(refused.text).not.toContain(secret);
    }
    const retried = await make(world, operator(), start, { ...again, ...withExportKey });
    expect([retried.text, retried.headers.get("Idempotency-Replayed")]).toEqual([first.text, "true"]);
  });
});

describe("over a service binding", () => {
  /** Calls as a Worker whose binding speaks for the password users. */
  async function bound<T>(call: (rpc: SecondFactor) => Promise<T>): Promise<T> {
    const props = { realm: "local", caller: "site" };
    const context = Object.defineProperty(createExecutionContext(), "props", { value: props });
    const result = await call(new SecondFactor(context, environment(variables)));
    await waitOnExecutionContext(context);
    return result;
  }

  it("INC-29 an account of ADMIN_USERS is neither made, changed, enrolled nor confirmed", async () => {
    const { toor } = await createWorld("local");
    const before = await dumpAccounts();
    const text = await code(toor.pendingSecret);
    const refused = { ok: false, code: "forbidden" };
    expect(await bound((rpc) => rpc.enrol({ user: "t-1" }))).toEqual(refused);
    expect(await bound((rpc) => rpc.enrol({ user: "t-1", email: "attacker@evil.example" }))).toEqual(refused);
    expect(await bound((rpc) => rpc.enrol({ user: "new", username: "Heir" }))).toEqual(refused);
    expect(await bound((rpc) => rpc.enrol({ user: "b-1", username: "heir" }))).toEqual(refused);
    expect(await bound((rpc) => rpc.confirm({ user: "t-1", code: text }))).toEqual(refused);
    expect(await dumpAccounts()).toEqual(before);
    const events = await listEvents("export_key.refused");
    expect(events.map(({ actor, detail }) => [actor, JSON.parse(detail ?? "").why])).toEqual(
      Array.from({ length: 5 }, () => ["rpc:site", "binding"]),
    );
  });

  it("INC-29 its own code is still checked: ADMIN_KEY reaches no binding", async () => {
    const { root } = await createWorld("local");
    const text = await code(root.secret);
    expect(await bound((rpc) => rpc.verify({ user: "r-1", code: text }))).toMatchObject({ ok: true });
    expect(await bound((rpc) => rpc.status({ user: "r-1" }))).toMatchObject({ ok: true, enrolled: true });
  });
});
