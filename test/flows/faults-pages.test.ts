import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { verify } from "../support/accounts.ts";
import { advance } from "../support/clock.ts";
import { browserHeaders, pendingCookieName, sessionCookieName } from "../support/cookies.ts";
import { codeNow, createFaultWorld, type FaultWorld } from "../support/fault-world.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { readUser } from "../support/rows.ts";
import { expectSwept, type Flow } from "../support/sweep.ts";
import { type Answer, type Client, code, wrongCode } from "../support/worker.ts";

let faultWorld: FaultWorld;

useFreshWorker({ per: "suite" });
beforeAll(async () => {
  faultWorld = await createFaultWorld();
});
afterEach(() => {
  vi.restoreAllMocks();
});

type Cookies = Readonly<Record<string, string>>;

const open = (client: Client, path: string, cookies: Cookies): Promise<Answer> =>
  client.call(path, { headers: { Accept: "text/html", ...browserHeaders(cookies) } });

const submit = (client: Client, path: string, cookies: Cookies, fields: Record<string, string>) =>
  client.call(path, {
    method: "POST",
    body: String(new URLSearchParams(fields)),
    headers: {
      Accept: "text/html",
      "Content-Type": "application/x-www-form-urlencoded",
      ...browserHeaders(cookies),
    },
  });

const asAda = ({ adaToken }: FaultWorld): Cookies => ({ [sessionCookieName]: adaToken });
const asBob = ({ bobToken }: FaultWorld): Cookies => ({ [sessionCookieName]: bobToken });
const waiting = ({ pending }: FaultWorld): Cookies => ({ [pendingCookieName]: pending });
const failuresOf = async ({ ada }: FaultWorld) => (await readUser(ada.id)).second_factor_failures;

const toSignIn = { status: 303, location: "/api/auth/sign-in?rd=%2Fapi%2Fauth%2Faccount" };
const whereTo = ({ status, headers }: Answer) => ({ status, location: headers.get("Location") });

const secondFactorForm = async (client: Client, world: FaultWorld) =>
  submit(client, "/second-factor", waiting(world), { code: await codeNow(world) });

const stepUpForm = async (client: Client, world: FaultWorld) =>
  submit(client, "/second-factor", asAda(world), { code: await codeNow(world) });

const confirmForm = async (client: Client, world: FaultWorld) =>
  submit(client, "/account/two-factor", asBob(world), { step: "confirm", code: await code(world.bobSecret) });

const flows: Flow<FaultWorld>[] = [
  {
    name: "GET /sign-in with a session",
    send: (client, world) => open(client, "/sign-in", asAda(world)),
    status: 303,
    refusal: "page",
  },
  {
    name: "POST /sign-in",
    send: (client, { bob }) => submit(client, "/sign-in", {}, { username: "bob", password: bob.password }),
    status: 303,
    refusal: "page",
  },
  {
    name: "POST /sign-in with a wrong password",
    send: (client) => submit(client, "/sign-in", {}, { username: "bob", password: "wrong" }),
    status: 401,
    refusal: "page",
  },
  {
    name: "POST /second-factor",
    send: secondFactorForm,
    status: 303,
    refusal: "page",
    afterLoss: async (client, world) => {
      // The pending session is over: the page that comes back is the one to begin again.
      const again = await secondFactorForm(client, world);
      expect(again.status).toBe(401);
      expect(again.text).toContain("Sign in again");
      advance(30);
      expect((await verify(world.nextPending, await codeNow(world), {}, client)).status).toBe(200);
      expect(await failuresOf(world)).toBe(0);
    },
  },
  {
    name: "POST /second-factor with a wrong code",
    send: async (client, world) =>
      submit(client, "/second-factor", waiting(world), { code: await wrongCode(world.ada.secret) }),
    status: 401,
    refusal: "page",
  },
  {
    name: "POST /second-factor inside a session",
    send: stepUpForm,
    status: 303,
    refusal: "page",
    afterLoss: async (client, world) => {
      const again = await stepUpForm(client, world);
      expect(again.status).toBe(401);
      expect(again.text).toContain("try the next one");
      expect(await failuresOf(world)).toBe(0);
      advance(30);
      expect((await stepUpForm(client, world)).status).toBe(303);
    },
  },
  {
    name: "GET /account",
    send: (client, world) => open(client, "/account", asAda(world)),
    status: 200,
    refusal: "page",
  },
  {
    name: "GET /account/two-factor",
    send: (client, world) => open(client, "/account/two-factor", asBob(world)),
    status: 200,
    refusal: "page",
  },
  {
    name: "POST /account/two-factor, start",
    send: (client, world) => submit(client, "/account/two-factor", asBob(world), { step: "start" }),
    status: 200,
    refusal: "page",
  },
  {
    name: "POST /account/two-factor, confirm",
    send: confirmForm,
    status: 200,
    refusal: "page",
    // The session that asked has been replaced. The password and the next code open another one, for new backup codes.
    afterLoss: async (client, world) => {
      expect(whereTo(await confirmForm(client, world)).status).toBe(303);
      const pending = (await client.login(world.bob)).json.session_token;
      advance(30);
      const { session_token: token } = (await verify(pending, await code(world.bobSecret), {}, client)).json;
      advance(30);
      const made = await client.post("/backup-codes", { code: await code(world.bobSecret) }, { token });
      expect(made.json.data.backup_codes).toHaveLength(10);
    },
  },
  {
    name: "POST /account/two-factor, confirm with a wrong code",
    send: async (client, world) =>
      submit(client, "/account/two-factor", asBob(world), {
        step: "confirm",
        code: await wrongCode(world.bobSecret),
      }),
    status: 401,
    refusal: "page",
  },
  {
    name: "POST /account/backup-codes",
    send: async (client, world) =>
      submit(client, "/account/backup-codes", asAda(world), { code: await codeNow(world) }),
    status: 200,
    refusal: "page",
    afterLoss: async (client, world) => {
      const form = async () =>
        submit(client, "/account/backup-codes", asAda(world), { code: await codeNow(world) });
      expect((await form()).status).toBe(401);
      expect(await failuresOf(world)).toBe(0);
      advance(30);
      expect((await form()).text.match(/<code>[0-9A-Z]{4}-[0-9A-Z]{4}<\/code>/g)).toHaveLength(10);
    },
  },
  {
    name: "POST /account/two-factor/disable",
    send: async (client, world) =>
      submit(client, "/account/two-factor/disable", asAda(world), {
        code: await codeNow(world),
        password: world.ada.password,
      }),
    status: 303,
    refusal: "page",
    afterLoss: async (client, world) => {
      expect(whereTo(await open(client, "/account", asAda(world)))).toEqual(toSignIn);
      expect((await client.login(world.ada)).json.status).toBe("success");
    },
  },
  {
    name: "POST /account/two-factor/disable with a wrong password",
    send: async (client, world) =>
      submit(client, "/account/two-factor/disable", asAda(world), {
        code: await codeNow(world),
        password: "wrong",
      }),
    status: 401,
    refusal: "page",
    everyTryCounts: true,
  },
  {
    name: "POST /account/sessions/end",
    send: (client, world) => submit(client, "/account/sessions/end", asAda(world), { id: world.adaOtherId }),
    status: 303,
    refusal: "page",
  },
  {
    name: "POST /account/sessions/end-others",
    send: (client, world) => submit(client, "/account/sessions/end-others", asAda(world), {}),
    status: 303,
    refusal: "page",
  },
  {
    name: "POST /sign-out",
    send: (client, world) => submit(client, "/sign-out", { ...asAda(world), ...waiting(world) }, {}),
    status: 200,
    refusal: "page",
  },
];

describe("whatever fails, and however, behind a page", () => {
  it.each(flows)("TH-09 WB-11 $name: nothing is half-done, and the next try gets through", (flow) =>
    expectSwept(flow, faultWorld),
  );
});
