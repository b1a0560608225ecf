import { env } from "cloudflare:workers";
import fc from "fast-check";
import { apiKeyScopes } from "../../src/domain/service-api/service-caller.ts";
import type { OperationObject } from "../../src/http/openapi/shapes.ts";
import { fullToken } from "./accounts.ts";
import type { ClassifiedNamedValues } from "./arbitrary-json.ts";
import { type Backend, createKey, createRealm, operator } from "./backend.ts";
import { advance } from "./clock.ts";
import { proxyKey } from "./forward-auth.ts";
import { dumpDatabase } from "./rows.ts";
import {
  type Account,
  Client,
  code,
  createAccount,
  createEnrolledAccount,
  environment,
  pendingToken,
} from "./worker.ts";

/** A user that calls can be about, with all values that they need. */
interface Subject extends Account {
  /** In force, or being set up. */
  readonly secret: string;
  readonly token: string;
  readonly pendingToken: string;
  /** Of another session than the token's. */
  readonly sessionId: string;
}

/** A deployment in which every call of the API can go well. */
export interface World {
  readonly client: Client;
  /** Where an external first factor names an account for every request with `externalHeaders`. */
  readonly external: Client;
  /** Where the source of an external first factor does not respond. */
  readonly unreachable: Client;
  /** Has every scope. */
  readonly backend: Backend;
  /** Has every scope but this one. */
  readonly lacking: (scope: string) => Backend;
  /** Of another realm. */
  readonly stranger: Backend;
  readonly subjectOf: (operation: OperationObject) => Subject;
  /** The value of a path parameter, by its list. */
  readonly pathValue: (list: string, operation: OperationObject) => string;
  /** Values of body and query members that the schema alone cannot provide. */
  readonly valuesFor: (operation: OperationObject) => Promise<ClassifiedNamedValues>;
  /** Restores every row. */
  readonly restore: () => Promise<void>;
}

/** The credentials of an external first factor. */
export const externalHeaders = {
  "X-Sallyport-Proxy-Key": proxyKey,
  "Remote-User": "ada",
  Authorization: "Basic YWRh",
};

const external = () => new Client(environment({ FIRST_FACTOR: "proxy", PROXY_KEY: proxyKey }));

const unreachable = () =>
  new Client(
    environment({
      ORIGIN_URL: "http://127.0.0.1:9",
      FIRST_FACTOR: "origin",
      WHOAMI_URL: "/me",
      WHOAMI_USER: "json:/name",
      ORIGIN_COOKIES: "sid",
    }),
  );

const returnUrl = "https://shop.example/back";

/** Calls for a user without a second factor and with a pending secret. */
const aboutEnrolment = new Set(["startTotp", "confirmTotp", "setUpOwnTotp", "enableOwnTotp"]);

/** Creates the world in the empty stores of `useFreshWorker`. */
export async function createWorld(): Promise<World> {
  const client = new Client();
  const backend = await createRealm("local", { return_urls: [returnUrl] }, client);
  const others = new Map<string, Backend>();
  for (const scope of apiKeyScopes) {
    const fields = { name: `without ${scope}`, scopes: apiKeyScopes.filter((one) => one !== scope) };
    others.set(scope, await createKey(operator(client), "local", fields));
  }
  const stranger = await createRealm("elsewhere", { return_urls: [returnUrl] }, client);
  const spare = await createKey(operator(client), "local", { name: "spare" });
  const [ada, bob] = [await createAda(client), await createBob(client)];
  const challenge = await backend.post("/v1/challenges", { user: ada.id, return_to: returnUrl });
  const lists: Record<string, (subject: Subject) => string> = {
    users: ({ id }) => id,
    sessions: ({ sessionId }) => sessionId,
    "api-keys": () => spare.keyId,
    challenges: () => challenge.json.data.id,
  };
  const subjectOf = ({ operationId }: OperationObject) => (aboutEnrolment.has(operationId) ? bob : ada);
  const rows = await dumpDatabase();
  return {
    client,
    external: external(),
    unreachable: unreachable(),
    backend,
    lacking: (scope) => others.get(scope) ?? stranger,
    stranger,
    subjectOf,
    pathValue: (list, operation) => lists[list]?.(subjectOf(operation)) ?? "unknown",
    valuesFor: (operation) => valuesFor(operation, subjectOf(operation)),
    restore: () => restore(rows),
  };
}

async function createAda(client: Client): Promise<Subject> {
  const account = await createEnrolledAccount("ada");
  advance(90);
  const token = await fullToken(account);
  await fullToken(account);
  // So that a token is not believed without asking the store.
  advance(60);
  const pending = await pendingToken(account, client);
  return { ...account, token, pendingToken: pending, sessionId: await otherSession(client, token) };
}

async function createBob(client: Client): Promise<Subject> {
  const account = await createAccount("bob");
  const token = (await client.login(account)).json.session_token;
  await client.login(account);
  const setup = await client.post("/totp/setup", {}, { token });
  const { secret } = setup.json.data;
  return { ...account, secret, token, pendingToken: "none", sessionId: await otherSession(client, token) };
}

async function otherSession(client: Client, token: string): Promise<string> {
  const { json } = await client.call("/sessions", { token });
  return json.data.sessions.find(({ current }: { current: boolean }) => !current).id;
}

async function valuesFor({ operationId }: OperationObject, subject: Subject): Promise<ClassifiedNamedValues> {
  const live = await code(subject.secret);
  const isSignIn = operationId === "login" || operationId === "disableOwnTotp";
  const values: Record<string, ReturnType<ClassifiedNamedValues>> = {
    code:
      operationId === "startTotp" ? "omit" : fc.constantFrom(live, `${live.slice(0, 3)} ${live.slice(3)}`),
    session_token: fc.constant(subject.pendingToken),
    username: isSignIn ? fc.constantFrom(subject.username, subject.username.toUpperCase()) : undefined,
    // A new one is hashed, which takes its time.
    password: isSignIn ? fc.constant(subject.password) : "omit",
    secret: "omit",
    user: operationId === "createChallenge" ? fc.constant(subject.id) : undefined,
    return_to: fc.constantFrom(returnUrl, `${returnUrl}/on?order=1`),
    return_urls: fc.constant([returnUrl]),
    expires_at: fc.constant("2031-01-01T00:00:00.000Z"),
    cursor: "omit",
    recipient: fc.constant({
      kty: "OKP",
      crv: "X25519",
      x: "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo",
    }),
    // An export never goes well without it, and no other call of this world needs it.
    "X-Sallyport-Export-Key": fc.constant(env.EXPORT_KEY),
    "X-Forwarded-Method": fc.constant("GET"),
    "X-Forwarded-Uri": fc.constantFrom("/inbox", "/inbox?page=2"),
    "X-Original-Method": "omit",
    "X-Original-URL": "omit",
  };
  return (name) => values[name];
}

async function restore(rows: Awaited<ReturnType<typeof dumpDatabase>>): Promise<void> {
  const tables = Object.entries(rows);
  await env.DB.batch([
    env.DB.prepare("PRAGMA defer_foreign_keys = on"),
    ...tables.map(([table]) => env.DB.prepare(`DELETE FROM "${table}"`)),
    ...tables.flatMap(([table, kept]) =>
      kept.map((row) => {
        const names = Object.keys(row).map((name) => `"${name}"`);
        const sql = `INSERT INTO "${table}" (${names.join()}) VALUES (${names.map(() => "?").join()})`;
        return env.DB.prepare(sql).bind(...Object.values(row));
      }),
    ),
  ]);
}
