import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { createReadyAccount, fullToken } from "./accounts.ts";
import { dumpDatabase } from "./rows.ts";
import { type Answer, base, type EnrolledAccount, host, pendingToken, send } from "./worker.ts";

export interface Exchange {
  readonly method?: string;
  readonly headers?: HeadersInit;
  readonly body?: BodyInit;
}

/** Sends a request without any header that is not in `headers`. */
export async function exchange(path: string, { method, headers, body }: Exchange = {}): Promise<Answer> {
  const request = new Request(host + path, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    redirect: "manual",
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body }),
  });
  const response = await send(request);
  const text = await response.text();
  const isJson = response.headers.get("Content-Type")?.includes("json") ?? false;
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text !== "" ? JSON.parse(text) : null,
  };
}

export const bytes = (text: string) => new TextEncoder().encode(text);

/** Expects a problem document as docs/contract.md#errors describes it. `what` names the case in the message of a failure. */
export function expectProblem(what: string, answer: Answer, status: number, problemCode: string): void {
  expect([what, answer.status, answer.json?.code]).toEqual([what, status, problemCode]);
  expect(answer.headers.get("Content-Type")).toBe("application/problem+json; charset=utf-8");
  expect(answer.json).toMatchObject({
    type: `urn:sallyport:problem:${problemCode}`,
    title: expect.stringMatching(/\S/),
    status,
    detail: expect.stringMatching(/\S/),
    code: problemCode,
    request_id: answer.headers.get("X-Request-Id"),
  });
}

/** A call of the API that has a JSON body. */
export interface JsonCall {
  readonly method: "POST" | "DELETE";
  readonly path: string;
  readonly headers: Record<string, string>;
  /** A valid body. Its code is wrong, so the call changes nothing. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly optional?: readonly string[];
}

export interface Fixture {
  readonly account: EnrolledAccount;
  readonly full: string;
  readonly pending: string;
  readonly calls: readonly JsonCall[];
}

/** Creates an account with a full and a pending session, and lists calls that these sessions may make. */
export async function prepareJsonCalls(): Promise<Fixture> {
  const account = await createReadyAccount();
  const full = await fullToken(account);
  const pending = await pendingToken(account);
  const bearer = { Authorization: `Bearer ${full}` };
  const text = "0000-0000";
  const calls: readonly JsonCall[] = [
    { method: "POST", path: "/login", headers: {}, body: { username: "nobody", password: "x" } },
    { method: "POST", path: "/totp/verify", headers: {}, body: { session_token: pending, code: text } },
    { method: "POST", path: "/totp/setup", headers: bearer, body: {} },
    {
      method: "POST",
      path: "/totp/enable",
      headers: bearer,
      body: { code: "000000", secret: "AAAA" },
      optional: ["secret"],
    },
    { method: "POST", path: "/totp/disable", headers: bearer, body: { code: text, password: "x" } },
    { method: "POST", path: "/step-up", headers: bearer, body: { code: text } },
    { method: "POST", path: "/backup-codes", headers: bearer, body: { code: text } },
    { method: "POST", path: "/logout", headers: bearer, body: {} },
    { method: "DELETE", path: "/sessions", headers: bearer, body: {} },
    { method: "DELETE", path: "/sessions/x", headers: bearer, body: {} },
    {
      method: "POST",
      path: "/v1/users",
      headers: { Authorization: `Bearer ${env.ADMIN_KEY}` },
      body: { username: "bob", password: "long enough for this", email: "bob@example.com" },
      optional: ["password", "email"],
    },
  ];
  return { account, full, pending, calls };
}

export const jsonHeaders = { "Content-Type": "application/json" };

/** Sends the call with this body and these headers in addition to its own. */
export function sendTo(
  call: JsonCall,
  body: BodyInit,
  headers: Record<string, string> = jsonHeaders,
): Promise<Answer> {
  return exchange(base + call.path, { method: call.method, headers: { ...call.headers, ...headers }, body });
}

/** True when the body has a required field. */
export const hasRequiredFields = ({ body, optional = [] }: JsonCall) =>
  Object.keys(body).some((name) => !optional.includes(name));

export const nameOf = ({ method, path }: JsonCall) => `${method} ${path}`;

export type Dump = Awaited<ReturnType<typeof dumpDatabase>>;

/** Expects the database to be as `before`, except for `last_seen_at` of sessions. */
export async function expectUntouched(before: Dump): Promise<void> {
  const unseen = ({ sessions = [], ...tables }: Dump) => ({
    ...tables,
    sessions: sessions.map(({ last_seen_at: _, ...row }) => row),
  });
  expect(unseen(await dumpDatabase())).toEqual(unseen(before));
}
