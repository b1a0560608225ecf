import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { SecondFactor } from "../../src/rpc.ts";
import type { Bindings } from "../../src/runtime.ts";
import { advance } from "../support/clock.ts";
import { type CryptoCalls, countCryptoCalls } from "../support/crypto-calls.ts";
import { ask, asked, proxyKey } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { gated, mintSessionToken, mockOrigin, pageLoad, visit } from "../support/gate.ts";
import { generateKey, IdentityProvider } from "../support/identity-provider.ts";
import { type KvCalls, tapKv } from "../support/kv.ts";
import { collectLogLines } from "../support/log-lines.ts";
import { openSite, type Site, Browser as SiteBrowser } from "../support/origin-site.ts";
import { watchStatements } from "../support/statements.ts";
import { environment, type Overrides } from "../support/worker.ts";

// Issue 6: the path that every request of a visitor takes costs no trip, and hardly any cryptography.

useFreshWorker();
beforeEach(() => {
  collectLogLines();
});

/** What one request costs beside its own way. */
interface Cost {
  readonly d1: number;
  readonly kv: number;
  readonly fetches: number;
  readonly crypto: CryptoCalls;
}

/** Counts while `act` runs. Whoever answers in the place of `fetch` stands there already. */
async function costOf(act: () => Promise<Outcome>, kv: KvCalls, status = 200): Promise<Cost> {
  const watch = watchStatements();
  const before = { kv: kv.gets + kv.puts, fetches: vi.mocked(fetch).mock.calls.length };
  const { result, calls } = await countCryptoCalls(act).finally(watch.stop);
  expect(result.status).toBe(status);
  return {
    d1: watch.trips.length,
    kv: kv.gets + kv.puts - before.kv,
    fetches: vi.mocked(fetch).mock.calls.length - before.fetches,
    crypto: calls,
  };
}

type Outcome = { readonly status: number };

const nothing: Cost = { d1: 0, kv: 0, fetches: 0, crypto: {} };

/** What each isolate does once: the keys of tokens and of assertions are derived from `KEYRING`. */
const keysDerived: CryptoCalls = { importKey: 4, exportKey: 1, deriveKey: 1, deriveBits: 1 };

interface EntryPoint {
  readonly name: string;
  readonly isolate: (overrides: Overrides) => Bindings;
  readonly pass: (bindings: Bindings, session: string) => Promise<Outcome>;
  readonly fetches: number;
}

const entryPoints: readonly EntryPoint[] = [
  {
    name: "a page at the gate",
    isolate: (overrides) => gated([{ path: "/pay/*", require: "second_factor", max_age: 300 }], overrides),
    pass: (bindings, session) => visit(bindings, "/private", { session, headers: pageLoad }),
    fetches: 1,
  },
  {
    name: "a form at the gate",
    isolate: (overrides) => gated([], overrides),
    pass: (bindings, session) => visit(bindings, "/private", { session, method: "POST", body: "a=b" }),
    fetches: 1,
  },
  {
    name: "/auth-request",
    isolate: (overrides) => asked([], overrides),
    pass: (bindings, session) => ask(bindings, "/auth-request", { session }),
    fetches: 0,
  },
  {
    name: "/forward-auth",
    isolate: (overrides) => asked([], overrides),
    pass: (bindings, session) => ask(bindings, "/forward-auth", { session }),
    fetches: 0,
  },
];

describe.each(entryPoints)("$name, with a fresh session", ({ isolate, pass, fetches }) => {
  const open = () => {
    mockOrigin();
    const { kv, calls } = tapKv(env.BLOCKS);
    const bindings = isolate({ BLOCKS: kv });
    return { calls, through: (session: string) => pass(bindings, session) };
  };

  it("costs no trip, one check of the token and one signature, and the keys are derived once", async () => {
    const { calls, through } = open();
    const [first, second] = [
      await mintSessionToken(),
      await mintSessionToken({ userId: "u-bob", username: "bob" }),
    ];
    const once: CryptoCalls = { verify: 1, digest: 1, sign: 1 };
    expect(await costOf(() => through(first), calls)).toEqual({
      ...nothing,
      fetches,
      crypto: { ...keysDerived, ...once },
    });
    expect(await costOf(() => through(second), calls)).toEqual({ ...nothing, fetches, crypto: once });
  });

  it("costs no cryptography at all when it comes again, and a signature every ten seconds", async () => {
    const { calls, through } = open();
    const session = await mintSessionToken();
    await through(session);
    for (const [seconds, crypto] of [
      [0, {}],
      [9, {}],
      [1, { sign: 1 }],
      [9, {}],
    ] as const) {
      advance(seconds);
      expect(await costOf(() => through(session), calls)).toEqual({ ...nothing, fetches, crypto });
    }
  });

  it("derives the keys once when the first twenty come at the same time", async () => {
    const { calls, through } = open();
    const sessions = await Promise.all(Array.from({ length: 20 }, () => mintSessionToken()));
    const together = async () => {
      const answers = await Promise.all(sessions.map(through));
      return { status: Math.max(...answers.map(({ status }) => status)) };
    };
    const { crypto } = await costOf(together, calls);
    expect(crypto).toEqual({ ...keysDerived, verify: 20, digest: 20, sign: 20 });
  });

  it("costs nothing without a token, or with an invalid one", async () => {
    const { calls, through } = open();
    for (const token of ["", "garbage", "a.b.c"]) {
      const refused = async () => ({ status: (await through(token)).status >= 300 ? 400 : 200 });
      expect(await costOf(refused, calls, 400)).toEqual(nothing);
    }
  });
});

it("a session that another Worker asks about costs one check, and then nothing while it is fresh", async () => {
  mockOrigin();
  const { kv, calls } = tapKv(env.BLOCKS);
  const bindings = environment({ BLOCKS: kv });
  const token = await mintSessionToken({ realm: "shop" });
  const session = async () => {
    const context = Object.defineProperty(createExecutionContext(), "props", {
      value: { realm: "shop", caller: "checkout" },
    });
    const answer = await new SecondFactor(context, bindings).session({ token });
    await waitOnExecutionContext(context);
    return { status: answer.ok ? 200 : 400 };
  };
  const once: CryptoCalls = { importKey: 1, deriveKey: 1, verify: 1, digest: 1 };
  expect(await costOf(session, calls)).toEqual({ ...nothing, crypto: once });
  advance(59);
  expect(await costOf(session, calls)).toEqual(nothing);
});

describe("behind another first factor a fresh session costs one request to the origin, and no other", () => {
  interface Source {
    readonly variables: Overrides;
    readonly headers: Record<string, string>;
    readonly crypto: CryptoCalls;
  }

  /** The first factor is compared with what the session is bound to: one HMAC, and a hash of each to compare them. */
  const bound: CryptoCalls = { sign: 1, digest: 2 };

  it.each<[string, (site: Site) => Promise<Source>]>([
    ["the origin's own login", async () => ({ variables: {}, headers: {}, crypto: bound })],
    [
      "a proxy's header, whose key is compared, too",
      async () => ({
        variables: { FIRST_FACTOR: "proxy", PROXY_KEY: proxyKey },
        headers: { "X-Sallyport-Proxy-Key": proxyKey, "Remote-User": "heidi" },
        crypto: { ...bound, digest: 4 },
      }),
    ],
    [
      "a JWT, which is verified",
      async (site) => {
        const idp = new IdentityProvider(await generateKey("k1"));
        vi.mocked(fetch).mockImplementation(idp.beside(site));
        return {
          variables: idp.variables,
          headers: { "Cf-Access-Jwt-Assertion": await idp.token() },
          crypto: { ...bound, verify: 1 },
        };
      },
    ],
  ])("%s", async (_, prepare) => {
    const site = openSite();
    site.sessions.set("s1", "ada");
    const { variables, headers, crypto } = await prepare(site);
    const { kv, calls } = tapKv(env.BLOCKS);
    const browser = SiteBrowser.signedIn("s1", { ...variables, BLOCKS: kv });
    Object.assign(browser.added, headers);
    await browser.enrol();
    await browser.load("/inbox");
    expect(await costOf(() => browser.load("/inbox"), calls)).toEqual({ ...nothing, fetches: 1, crypto });
  });
});
