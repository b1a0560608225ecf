import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import { createClient, type Problem, type ServiceClient } from "../../client/sallyport.ts";
import { approve, beginSetUp, endSetUp } from "../../examples/typescript-client/two-factor.ts";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { base, code, environment, host, send, wrongCode } from "../support/worker.ts";

const bindings = environment();
/** The Worker in the place of a network. */
const toWorker: typeof fetch = (input, init) => send(new Request(input as string, init), bindings);

const connect = (key: string) => createClient(host + base, key, { fetch: toWorker });

let client: ServiceClient;
useFreshWorker();
beforeEach(async () => {
  const made = await connect(env.ADMIN_KEY).v1["api-keys"].$post({
    query: { realm: "shop" },
    json: { name: "checkout", scopes: ["users:read", "users:write", "verify"] },
  });
  if (!made.ok) throw new Error((await made.json()).detail);
  client = connect((await made.json()).data.key);
});

describe("the example", () => {
  it("sets up a second factor and takes a code, and a retry of a call whose answer was lost", async () => {
    const { secret, qrCode } = await beginSetUp(client, "42", "ada@example.com");
    expect(qrCode).toMatch(/^data:image\/svg\+xml;base64,/);
    expect(await endSetUp(client, "42", await wrongCode(secret))).toMatch(/^This code is not accepted/);
    expect(await endSetUp(client, "42", await code(secret))).toHaveLength(10);
    advance(30);

    let lost = 0;
    const unreliable = createClient(host + base, await anotherKey(), {
      fetch: async (...request: Parameters<typeof fetch>) => {
        const answer = await toWorker(...request);
        lost += 1;
        if (lost === 1) throw new TypeError("the answer is lost");
        return answer;
      },
    });
    const approval = await approve(unreliable, {
      userId: "42",
      code: await code(secret),
      action: "transfer",
    });
    expect(approval).toEqual({
      approved: true,
      receipt: expect.stringMatching(/^ey[\w-]+\.[\w-]+\.[\w-]+$/),
    });
    expect(lost).toBe(2);
    const again = await approve(client, { userId: "42", code: await code(secret), action: "transfer" });
    expect(again).toMatchObject({ approved: false, retryAfterSeconds: null });
  });
});

async function anotherKey(): Promise<string> {
  const made = await connect(env.ADMIN_KEY).v1["api-keys"].$post({
    query: { realm: "shop" },
    json: { name: "second", scopes: ["verify"] },
  });
  if (!made.ok) throw new Error((await made.json()).detail);
  return (await made.json()).data.key;
}

describe("a typed client", () => {
  const hostile = ["a/b", "a?b=c", "a#b", "a%2Fb", "%", "ä".normalize(), ":id", "index", "a b&c", "..;", "~"];

  it.each(hostile.filter((id) => /^[\x21-\x7e]+$/.test(id)))("says the id %s as it is", async (id) => {
    const made = await client.v1.users[":id"].$put({ param: { id }, json: { email: "a@example.com" } });
    expect(made.status).toBe(201);
    const found = await client.v1.users[":id"].$get({ param: { id } });
    expect(found.ok && (await found.json()).data.id).toBe(id);
    const gone = await client.v1.users[":id"].$delete({ param: { id } });
    expect(gone.status).toBe(200);
  });

  it.each(["", ".", ".."])("refuses %j, which would be another address", (id) => {
    expect(() => client.v1.users[":id"].totp.$delete({ param: { id } })).toThrow(TypeError);
  });

  it("hands a refusal over as a value", async () => {
    const answer = await client.v1.users[":id"].$get({ param: { id: "nobody" } });
    expect(answer.ok).toBe(false);
    expect(await answer.json()).toMatchObject({ code: "not_found", status: 404 });
  });

  it("knows what goes in and what comes back", async () => {
    const { verify } = client.v1.users[":id"];
    type Verify = Parameters<typeof verify.$post>[0];
    expectTypeOf<Verify["param"]>().toEqualTypeOf<{ id: string }>();
    expectTypeOf<Verify["json"]>().toEqualTypeOf<{
      code: string;
      action?: string | undefined;
      nonce?: string | undefined;
      ip?: string | undefined;
    }>();
    expectTypeOf<Verify["header"]>().toEqualTypeOf<{ "Idempotency-Key"?: string } | undefined>();
    const list = client.v1.users.$get;
    expectTypeOf(list).toBeCallableWith({ query: { limit: "10" } });
    const answer = await list({ query: { limit: "10" } });
    if (!answer.ok) {
      expectTypeOf(await answer.json()).toEqualTypeOf<Problem>();
      throw new Error("There are no users, and that is no failure");
    }
    const { data } = await answer.json();
    expectTypeOf(data.users[0]?.email).toEqualTypeOf<string | null | undefined>();
    expectTypeOf(data.next_cursor).toEqualTypeOf<string | null>();
    expect(data).toEqual({ users: [], next_cursor: null });
    expectTypeOf<keyof ServiceClient["v1"]["users"][":id"]>().toExtend<string>();
    expectTypeOf(client.v1.users[":id"].disable.$post).toBeFunction();
    // @ts-expect-error there is no such call
    void client.v1.users[":id"].forgive;
    // @ts-expect-error a code is asked for
    const incomplete: Verify = { param: { id: "42" }, json: {} };
    expect(incomplete.json).toEqual({});
  });
});
