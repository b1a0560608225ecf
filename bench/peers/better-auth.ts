import { randomBytes, randomUUID } from "node:crypto";
import { getMigrations } from "better-auth/db/migration";
import { computeHotp, computeTimeStep, decodeTotpSecret } from "../../src/core/crypto/totp.ts";
import type { PreparedRequest } from "../load/exchange.ts";
import { type BenchWorker, bundleBenchWorker, type RunningWorkers } from "../workers.ts";
import { createPeerAuth, type PeerVariables } from "./better-auth-options.ts";
import { send } from "./send.ts";

/** Creates requests to the peer that have been checked to work. Each call creates new requests. */
export interface Peer {
  /** Sign-ins with a correct password, which require a second factor. They can be repeated. */
  signIns(count: number): Promise<PreparedRequest[]>;
  /** Verifications of a correct code, each for its own sign-in. Each must be sent once, within a minute. */
  verifies(count: number): Promise<PreparedRequest[]>;
  /** Checks of a session with both factors. With the cookie cache, they must be sent within five minutes. */
  sessionChecks(): Promise<PreparedRequest[]>;
}

export interface PeerOptions {
  readonly cookieCache?: boolean;
  /** The additional latency of each call to D1. */
  readonly delayMilliseconds?: number;
  readonly joins?: boolean;
}

const variables: PeerVariables = {
  BETTER_AUTH_SECRET: randomBytes(32).toString("base64"),
  BETTER_AUTH_URL: "https://auth.example.com",
};

/** Bundles the peer's Worker as a deployment would. */
export const bundlePeer = () => bundleBenchWorker("./peers/better-auth.worker.ts");

/** Returns a Worker of the peer. All of them share one database. */
export const peerWorker = (
  name: string,
  bundle: BenchWorker["bundle"],
  { cookieCache = false, delayMilliseconds = 0, joins = false }: PeerOptions = {},
): BenchWorker => ({
  name,
  bundle,
  variables: {
    ...variables,
    COOKIE_CACHE: cookieCache ? "1" : "0",
    JOINS: joins ? "1" : "0",
    D1_DELAY_MS: String(delayMilliseconds),
  },
  databases: { DB: "better-auth" },
});

/** An account with two-factor authentication. */
interface Person {
  readonly email: string;
  readonly password: string;
  readonly secret: string;
}

/** The peer accepts a code more than once, so a few accounts are enough for any number of sign-ins. */
const peopleCount = 4;
/** The number of concurrent sign-ins: they wait for D1 and for a password hash. */
const madeAtOnce = 8;

/**
 * Creates the peer's tables, and accounts that are enrolled through its API.
 *
 * @throws Error when a response of the peer is not the expected one
 */
export async function createPeer(running: RunningWorkers, workerName: string): Promise<Peer> {
  const database = await running.database(workerName, "DB");
  await (await getMigrations(createPeerAuth(database, variables).options)).runMigrations();
  const origin = await running.url(workerName);
  const people = await Promise.all(Array.from({ length: peopleCount }, () => enrol(origin)));
  await expectRefusals(origin, personAt(people, 0));
  return {
    signIns: async (count) => Array.from({ length: count }, (_, index) => signInOf(personAt(people, index))),
    verifies: (count) => makeVerifies(origin, people, count),
    sessionChecks: async () => [await makeSessionCheck(origin, personAt(people, 0))],
  };
}

const personAt = (people: readonly Person[], index: number) => people[index % people.length] as Person;

async function makeVerifies(
  origin: URL,
  people: readonly Person[],
  count: number,
): Promise<PreparedRequest[]> {
  const cookies: string[] = [];
  while (cookies.length < count) {
    const some = Array.from({ length: Math.min(madeAtOnce, count - cookies.length) }, (_, index) =>
      begin(origin, personAt(people, cookies.length + index)),
    );
    cookies.push(...(await Promise.all(some)));
  }
  // Codes are computed last, because the sign-ins take time and a code is valid for a minute.
  return Promise.all(cookies.map((cookie, index) => verifyOf(personAt(people, index), cookie)));
}

async function makeSessionCheck(origin: URL, person: Person): Promise<PreparedRequest> {
  const pending = await begin(origin, person);
  const signedIn = await exchange(origin, await verifyOf(person, pending));
  expect(signedIn.body.user?.email === person.email, "a sign-in", signedIn.body);
  const check = checkOf(signedIn.cookie);
  const { body } = await exchange(origin, check);
  expect(body.user?.email === person.email && body.session !== undefined, "a session", body);
  return check;
}

async function enrol(origin: URL): Promise<Person> {
  const [email, password] = [`${randomUUID()}@example.com`, randomUUID()];
  const { cookie } = await exchange(origin, post("/sign-up/email", { email, password, name: "Somebody" }));
  const { body } = await exchange(origin, post("/two-factor/enable", { password }, cookie));
  const secret = URL.parse(body.totpURI ?? "")?.searchParams.get("secret") ?? "";
  const person = { email, password, secret };
  await exchange(origin, await verifyOf(person, cookie));
  return person;
}

/** Signs in with the password. Returns the cookie for the second step. */
async function begin(origin: URL, person: Person): Promise<string> {
  const { body, cookie } = await exchange(origin, signInOf(person));
  expect(body.twoFactorRedirect === true && cookie.includes("two_factor="), "a second step", body);
  return cookie;
}

/** Checks that the peer rejects a wrong code, and a cookie without a full session. */
async function expectRefusals(origin: URL, person: Person): Promise<void> {
  const pending = await begin(origin, person);
  await exchange(origin, {
    ...post("/two-factor/verify-totp", { code: "abcdef" }, pending),
    status: 401,
  });
  const { body } = await exchange(origin, checkOf(pending));
  expect(body.session === undefined, "no session", body);
}

const signInOf = ({ email, password }: Person) => post("/sign-in/email", { email, password });

const verifyOf = async ({ secret }: Person, cookie: string) =>
  post("/two-factor/verify-totp", { code: await codeToCome(secret) }, cookie);

const checkOf = (cookie: string): PreparedRequest => ({
  method: "GET",
  path: "/api/auth/get-session",
  headers: { Cookie: cookie },
  status: 200,
});

/** Computes the code of the next time step, which the peer accepts from now until the step after it ends. */
const codeToCome = (secret: string) =>
  computeHotp(decodeTotpSecret(secret), computeTimeStep(new Date()) + 1, 6);

const post = (path: string, body: unknown, cookie?: string): PreparedRequest => ({
  method: "POST",
  path: `/api/auth${path}`,
  headers: {
    "Content-Type": "application/json",
    Origin: variables.BETTER_AUTH_URL,
    ...(cookie === undefined ? {} : { Cookie: cookie }),
  },
  body: JSON.stringify(body),
  status: 200,
});

/** The members of the peer's responses that are checked. */
interface Body {
  readonly twoFactorRedirect?: boolean;
  readonly totpURI?: string;
  readonly session?: unknown;
  readonly user?: { readonly email?: string };
}

async function exchange(origin: URL, request: PreparedRequest): Promise<{ body: Body; cookie: string }> {
  const { headers, text } = await send(origin, request);
  return { body: (JSON.parse(text) as Body | null) ?? {}, cookie: cookieOf(headers) };
}

/** Returns the `Cookie` header that a browser would send. */
const cookieOf = (headers: Headers): string =>
  headers
    .getSetCookie()
    .filter((cookie) => !/;\s*max-age=0/i.test(cookie))
    .map((cookie) => cookie.split(";")[0])
    .join("; ");

function expect(holds: boolean, what: string, body: unknown): void {
  if (!holds) throw new Error(`The peer should answer with ${what}: ${JSON.stringify(body)}`);
}
