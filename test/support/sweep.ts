import { env } from "cloudflare:workers";
import { expect, vi } from "vitest";
import type { Keyring } from "../../src/core/crypto/keyring.ts";
import { StoreUnavailableError } from "../../src/store/platform/database.ts";
import { freezeReplica } from "./d1.ts";
import { describePlan, FaultyStores, listPlans, type Plan } from "./faults.ts";
import { type FakeOrigin, mockOrigin, workersKeyring } from "./gate.ts";
import { collectLogLines } from "./log-lines.ts";
import { findHalfDone, readState, readTables, restoreState, type State, shapeOf } from "./states.ts";
import { type Answer, Client, environment, type Overrides } from "./worker.ts";

/** The stored state and the time that all flows of a file begin with. */
export interface World {
  readonly state: State;
  /** The time of the stopped clock. */
  readonly at: number;
}

/** The kind of response that a flow gets when a store fails: see `expectRefusal`. */
export type DenialForm = "problem" | "page" | "403" | "anonymous" | "thrown";

/** One request to the Worker, and the response that it should get. */
export interface Flow<W extends World> {
  readonly name: string;
  readonly variables?: Overrides;
  /** Changes the world before this flow. */
  readonly given?: (world: W) => Promise<void>;
  /** Changes that the replica does not have. */
  readonly behind?: (world: W) => Promise<void>;
  readonly send: (client: Client, world: W) => Promise<Answer>;
  /** The status without a fault. */
  readonly status: number;
  readonly refusal: DenialForm;
  /**
   * Continues the flow after everything has taken effect and the response was lost. By default the same request is sent again, and gets the
   * original response.
   */
  readonly afterLoss?: (client: Client, world: W) => Promise<void>;
  /** True when each attempt is counted, so that two attempts leave another state than one. */
  readonly everyTryCounts?: true;
}

/** The result of a sweep. */
export interface Swept {
  /** Number of calls of bindings that the flow makes. */
  readonly calls: number;
  /** Number of faults that were injected. */
  readonly faults: number;
  readonly problems: readonly string[];
}

interface Run {
  readonly stores: FaultyStores;
  readonly answer: Answer;
  readonly origin: FakeOrigin;
  readonly logged: readonly string[];
}

async function run<W extends World>(
  flow: Flow<W>,
  world: W,
  plan: Plan | null,
  { db, afterWrite }: { db: D1Database; afterWrite?: () => Promise<void> },
): Promise<Run> {
  vi.restoreAllMocks();
  vi.setSystemTime(world.at);
  const origin = mockOrigin();
  const logged = collectLogLines();
  const stores = new FaultyStores(plan, afterWrite, db);
  const answer = await flow.send(new Client(stores.bindings(flow.variables)), world).catch(thrown);
  return { stores, answer, origin, logged };
}

/** The hourly job has no response: it fails by throwing. Converts the error to a response. */
function thrown(error: unknown): Answer {
  if (!(error instanceof StoreUnavailableError)) throw error;
  return { status: 503, headers: new Headers(), json: null, text: "" };
}

/** The keyring of the Worker in this flow. */
const keyringOf = ({ variables = {} }: Pick<Flow<never>, "variables">): Keyring =>
  workersKeyring(typeof variables.KEYRING === "string" ? variables.KEYRING : undefined);

/** The run of a flow without a fault. */
interface Reference extends Run {
  readonly keyring: Keyring;
  readonly db: D1Database;
  readonly start: State;
  /** The shape of the database after each number of writes. */
  readonly shapes: readonly (readonly string[])[];
}

async function runReference<W extends World>(flow: Flow<W>, world: W): Promise<Reference> {
  vi.setSystemTime(world.at);
  await restoreState(world.state);
  await flow.given?.(world);
  const db = flow.behind === undefined ? env.DB : await freezeReplica(env.DB);
  await flow.behind?.(world);
  const start = await readState();
  const keyring = keyringOf(flow);
  const shapes = [await shapeOf(start.tables, start.tables, keyring)];
  const afterWrite = async () => {
    shapes.push(await shapeOf(await readTables(), start.tables, keyring));
  };
  const reference = await run(flow, world, null, { db, afterWrite });
  const { status, text } = reference.answer;
  if (status !== flow.status) throw new Error(`${status} instead of ${flow.status}: ${text.slice(0, 300)}`);
  expect(reference.stores.runningLimits).toEqual([]);
  expect(await findHalfDone(start.tables, await readTables(), world.at, keyring)).toEqual([]);
  return { ...reference, db, start, shapes, keyring };
}

/**
 * Runs a flow once for each fault of each of its calls, always from the same state. Checks that the response is correct, that no change is
 * incomplete, and that the next attempt succeeds.
 */
export async function sweep<W extends World>(flow: Flow<W>, world: W): Promise<Swept> {
  const reference = await runReference(flow, world);
  const plans = listPlans(reference.stores.calls);
  const problems: string[] = [];
  for (const plan of plans) {
    await restoreState(reference.start);
    await tryPlan(flow, world, reference, plan).catch((error: unknown) => {
      problems.push(`${describePlan(plan)}: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
  vi.restoreAllMocks();
  return { calls: reference.stores.calls.length, faults: plans.length, problems };
}

/** Sweeps, and expects no problem. */
export async function expectSwept<W extends World>(flow: Flow<W>, world: W): Promise<void> {
  const { calls, problems } = await sweep(flow, world);
  expect(problems).toEqual([]);
  expect(calls).toBeGreaterThan(0);
}

async function tryPlan<W extends World>(
  flow: Flow<W>,
  world: W,
  reference: Reference,
  plan: Plan,
): Promise<void> {
  const { shapes, keyring } = reference;
  const start = reference.start.tables;
  const faulty = await run(flow, world, plan, { db: reference.db });
  const { stores } = faulty;
  if (plan.fault === "hangs") expect(stores.limitsOver).toEqual([limitOf(stores, plan)]);
  if (stores.lostD1) expectRefusal(flow.refusal, faulty);
  else expect(outline(faulty.answer)).toEqual(outline(reference.answer));
  expectQuiet(faulty);
  if (plan.fault === "comes late") await stores.arriveLate();

  // Nothing is half-done: it stands as after as many writes of the flow that nothing disturbs.
  const after = await readTables();
  expect(await shapeOf(after, start, keyring)).toEqual(shapes[stores.writesDone]);
  expect(await findHalfDone(start, after, world.at, keyring)).toEqual([]);

  if (stores.writesDone > 0 && stores.writesDone === shapes.length - 1 && stores.lostD1)
    return goOnAfterLoss(flow, world, reference);
  // Where nothing was lost, a second request would be another one, and not the next try.
  if (!stores.lostD1) return;
  const again = await run(flow, world, null, { db: reference.db });
  expect(outline(again.answer)).toEqual(outline(reference.answer));
  const recovered = await readTables();
  if (flow.everyTryCounts === undefined || stores.writesDone === 0)
    expect(await shapeOf(recovered, start, keyring)).toEqual(shapes.at(-1));
  expect(await findHalfDone(after, recovered, world.at, keyring)).toEqual([]);
  if (plan.fault !== "comes last") return;
  await stores.arriveLate();
  expect(await findHalfDone(start, await readTables(), world.at, keyring)).toEqual([]);
  await expectStillIn(again.answer);
}

async function goOnAfterLoss<W extends World>(flow: Flow<W>, world: W, reference: Reference): Promise<void> {
  vi.setSystemTime(world.at);
  if (flow.afterLoss !== undefined) return flow.afterLoss(new Client(environment(flow.variables)), world);
  const again = await run(flow, world, null, { db: reference.db });
  expect(outline(again.answer)).toEqual(outline(reference.answer));
}

/** The Worker's time limit for this call, in milliseconds. */
const limitOf = ({ calls }: FaultyStores, { call }: Plan) =>
  calls[call - 1]?.binding === "D1" ? 10_000 : 2_000;

/** The parts of a response that are the same in each run. */
const outline = ({ status, headers, json }: Answer) => ({
  status,
  code: json?.code,
  location: headers.get("Location"),
  cookies: headers.getSetCookie().map((cookie) => cookie.split("=", 1)[0]),
});

/** Expects a full session's token to be accepted, although the first attempt has had its effect as well. */
async function expectStillIn({ json }: Answer): Promise<void> {
  const token: unknown = json?.session_token;
  if (typeof token !== "string" || token.startsWith("pending_")) return;
  expect((await new Client().call("/session", { token })).status).toBe(200);
}

/** Expects the denial of the flow: no access, an error in the log, and a `Retry-After`. */
function expectRefusal(refusal: DenialForm, { answer, origin, logged }: Run): void {
  if (refusal === "anonymous") {
    expect(answer.status).toBe(200);
    expect(origin.only().headers.get("Remote-User")).toBeNull();
    return;
  }
  expect(answer.status).toBe(refusal === "403" ? 403 : 503);
  expect(origin.requests).toEqual([]);
  if (refusal === "thrown") return;
  expect(logged.some((line) => line.includes('"level":"error"'))).toBe(true);
  expect(answer.headers.get("Retry-After")).toMatch(/^[1-9]\d*$/);
  expect(answer.headers.get("Cache-Control")).toBe("no-store");
  expect(answer.headers.getSetCookie()).toEqual([]);
  expect(answer.text).toContain("store_unavailable");
  const type = refusal === "page" ? "text/html" : "application/problem+json";
  expect(answer.headers.get("Content-Type")).toContain(type);
}

/** Expects no text of the stores' errors in the response. */
function expectQuiet({ answer }: Run): void {
  for (const inner of [
    "_ERROR",
    "injected",
    "SELECT",
    "INSERT",
    "UPDATE",
    "secret-key",
    "drizzle",
    "    at ",
  ]) {
    expect(answer.text).not.toContain(inner);
  }
}
