import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createFaultWorld, type FaultWorld } from "../support/fault-world.ts";
import { FaultyStores } from "../support/faults.ts";
import { ask, page } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { mintSessionToken, mockOrigin, originUrl, pageLoad, scripted, visit } from "../support/gate.ts";
import { query } from "../support/rows.ts";
import { expectSwept, type Flow, sweep } from "../support/sweep.ts";
import type { Answer, Client, Overrides } from "../support/worker.ts";

let faultWorld: FaultWorld;

useFreshWorker({ per: "suite" });
beforeAll(async () => {
  faultWorld = await createFaultWorld();
  faultWorld = { ...faultWorld, at: faultWorld.at + 60_000 };
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function answerOf(responding: Promise<Response>): Promise<Answer> {
  const response = await responding;
  const text = await response.text();
  const isJson = response.headers.get("Content-Type")?.includes("json") ?? false;
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : null };
}

const open = { path: "/public", require: "none" };
const gate: Overrides = { ORIGIN_URL: originUrl, POLICY: JSON.stringify([open]) };

const visitWith =
  (headers: Record<string, string>, path = "/private") =>
  ({ bindings }: Client, { adaToken }: FaultWorld) =>
    answerOf(visit(bindings, path, { session: adaToken, headers }));

const proxyKey = "Q7f2-hW9x_Lk3mZ8vTn5cRb1yGd6pJs4";
const asked: Overrides = { PROXY_KEY: proxyKey };

const askWith =
  (endpoint: "/auth-request" | "/forward-auth", headers = {}) =>
  ({ bindings }: Client, { adaToken }: FaultWorld) =>
    answerOf(ask(bindings, endpoint, { session: adaToken, headers }));

const entryPoints: Flow<FaultWorld>[] = [
  {
    name: "a page at the gate",
    variables: gate,
    send: visitWith(pageLoad),
    status: 200,
    refusal: "page",
  },
  {
    name: "a call at the gate",
    variables: gate,
    send: visitWith(scripted),
    status: 200,
    refusal: "problem",
  },
  {
    name: "a form at the gate",
    variables: gate,
    send: ({ bindings }, { adaToken }) =>
      answerOf(
        visit(bindings, "/private", { session: adaToken, method: "POST", body: "x", headers: scripted }),
      ),
    status: 200,
    refusal: "problem",
  },
  {
    name: "a path that is open to everybody",
    variables: gate,
    send: visitWith(pageLoad, "/public"),
    status: 200,
    refusal: "anonymous",
  },
  {
    name: "GET /forward-auth",
    variables: asked,
    send: askWith("/forward-auth"),
    status: 200,
    refusal: "problem",
  },
  {
    name: "GET /forward-auth for a page",
    variables: asked,
    send: askWith("/forward-auth", page),
    status: 200,
    refusal: "page",
  },
  {
    name: "GET /auth-request",
    variables: asked,
    send: askWith("/auth-request"),
    status: 200,
    refusal: "403",
  },
];

/** The proxy in front names the user. */
const proxy: Overrides = { ...gate, ...asked, FIRST_FACTOR: "proxy" };

const fromProxy = (name: string, more: Record<string, string> = {}) => ({
  "X-Sallyport-Proxy-Key": proxyKey,
  "Remote-User": name,
  "Remote-Email": `${name}@proxy.test`,
  ...more,
});

/** A user that the proxy names, with a second factor. */
async function knowGrace({ ada }: FaultWorld): Promise<void> {
  await query("UPDATE users SET realm = 'proxy', username = 'grace', email = NULL WHERE id = ?", ada.id);
}

const arrivals: Flow<FaultWorld>[] = [
  {
    name: "a stranger's first page",
    variables: { ...proxy, ENROLMENT: "optional" },
    send: ({ bindings }) => answerOf(visit(bindings, "/private", { headers: fromProxy("alan", pageLoad) })),
    status: 200,
    refusal: "page",
  },
  {
    name: "a stranger's first page, who has to set up a second factor",
    variables: proxy,
    send: ({ bindings }) => answerOf(visit(bindings, "/private", { headers: fromProxy("alan", pageLoad) })),
    status: 303,
    refusal: "page",
  },
  {
    name: "a program that keeps no cookie",
    variables: { ...proxy, ENROLMENT: "optional" },
    send: ({ bindings }) => answerOf(visit(bindings, "/private", { headers: fromProxy("alan", scripted) })),
    status: 200,
    refusal: "problem",
  },
  {
    name: "the code's page for somebody with a second factor",
    variables: proxy,
    given: knowGrace,
    send: (client) => client.call("/second-factor", { headers: fromProxy("grace", page) }),
    status: 200,
    refusal: "page",
  },
  {
    name: "the wizard for a stranger",
    variables: proxy,
    send: (client) => client.call("/account/two-factor", { headers: fromProxy("alan", page) }),
    status: 200,
    refusal: "page",
  },
  {
    name: "GET /forward-auth for a stranger",
    variables: { ...proxy, ORIGIN_URL: "", ENROLMENT: "optional" },
    send: ({ bindings }) => answerOf(ask(bindings, "/forward-auth", { headers: fromProxy("alan", page) })),
    status: 200,
    refusal: "page",
  },
];

describe("whatever fails, and however", () => {
  it.each(entryPoints)("TH-09 WB-13 INC-20 $name with a session to be checked: access is denied", (flow) =>
    expectSwept(flow, faultWorld),
  );

  // Each arrival opens a session of its own: what the first one has opened is left to expire.
  it.each(arrivals)("TH-09 WB-13 INC-20 $name: access is denied, and no account is incomplete", (flow) =>
    expectSwept({ ...flow, everyTryCounts: true }, faultWorld),
  );

  it("INC-20 SE-06 a WebSocket is closed when its session can no longer be checked", async () => {
    vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"], now: faultWorld.at });
    const stores = new FaultyStores({ call: 2, fault: "hangs", lasts: false });
    mockOrigin(() => {
      const { 0: forVisitor, 1: own } = new WebSocketPair();
      own.accept();
      return new Response(null, { status: 101, webSocket: forVisitor });
    });
    const headers = { Upgrade: "websocket", Connection: "Upgrade" };
    const { webSocket } = await visit(stores.bindings(gate), "/live", {
      session: faultWorld.adaToken,
      headers,
    });
    if (webSocket === null) throw new Error("There is no socket");
    const { promise: ended, resolve: end } = Promise.withResolvers<number>();
    webSocket.addEventListener("close", ({ code }) => end(code));
    webSocket.accept();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await ended).toBe(1008);
    expect(stores.limitsOver).toEqual([10_000]);
  });

  it("WB-13 a fresh session at the gate calls no store, so that nothing can fail", async () => {
    const flow: Flow<FaultWorld> = {
      name: "fresh",
      variables: gate,
      send: async ({ bindings }) =>
        answerOf(visit(bindings, "/private", { session: await mintSessionToken() })),
      status: 200,
      refusal: "problem",
    };
    expect(await sweep(flow, faultWorld)).toEqual({ calls: 0, faults: 0, problems: [] });
  });
});
