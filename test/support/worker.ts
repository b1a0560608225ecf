import { applyD1Migrations, createExecutionContext, reset, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { computeHotp, computeTimeStep, decodeTotpSecret } from "../../src/core/crypto/totp.ts";
import worker from "../../src/index.ts";
import type { Bindings } from "../../src/runtime.ts";
import { expectDocumented } from "./documented-calls.ts";

export const host = "https://site.example";
export const base = "/api/auth";

/** Bindings and variables that replace those of the test environment. */
export type Overrides = Partial<Record<string, unknown>>;

/** Empties D1 and KV, and applies the migrations. */
export async function resetStores(): Promise<void> {
  await reset();
  await applyD1Migrations(env.DB, env.MIGRATIONS);
}

/** The test environment without the rate limit, with these bindings and variables replaced. */
export const environment = (overrides: Overrides = {}): Bindings =>
  ({ ...env, SIGN_IN_LIMITER: undefined, ...overrides }) as Bindings;

/** Sends a request to the Worker, and waits for its `waitUntil` work. */
export async function send(request: Request, bindings: Bindings = environment()): Promise<Response> {
  const context = createExecutionContext();
  const response = await worker.fetch(request as Parameters<typeof worker.fetch>[0], bindings, context);
  await waitOnExecutionContext(context);
  return response;
}

export interface CallOptions {
  readonly method?: string;
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Record<string, string>;
  readonly address?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
  readonly text: string;
}

/**
 * A client of the JSON API. Each client has its own environment. A response that the OpenAPI document does not describe fails the test.
 */
export class Client {
  constructor(readonly bindings: Bindings = environment()) {}

  async call(path: string, options: CallOptions = {}): Promise<Answer> {
    const { body, token, address } = options;
    const headers = new Headers(options.headers);
    if (body !== undefined && !headers.has("Content-Type")) headers.set("Content-Type", "application/json");
    if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
    if (address !== undefined) headers.set("CF-Connecting-IP", address);
    const method = options.method ?? (body === undefined ? "GET" : "POST");
    const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
    const request = new Request(host + (path.startsWith("/api/") ? path : base + path), {
      method,
      headers,
      redirect: "manual",
      ...(text === undefined ? {} : { body: text as string }),
    });
    const response = await send(request, this.bindings);
    const answer = await response.text();
    const isJson = /[/+]json/.test(response.headers.get("Content-Type") ?? "");
    const given = {
      status: response.status,
      headers: response.headers,
      text: answer,
      json: isJson ? JSON.parse(answer) : null,
    };
    expectDocumented(method, request.url, given);
    return given;
  }

  post(path: string, body: unknown = {}, options: CallOptions = {}): Promise<Answer> {
    return this.call(path, { method: "POST", body, ...options });
  }

  login(account: Pick<Account, "username" | "password">, options: CallOptions = {}): Promise<Answer> {
    const { username, password } = account;
    return this.post("/login", { username, password }, options);
  }
}

export interface Account {
  readonly id: string;
  readonly username: string;
  readonly password: string;
}

export interface EnrolledAccount extends Account {
  readonly secret: string;
  readonly backupCodes: string[];
  /** The step of the code that confirmed the enrolment. It is spent. */
  readonly confirmedStep: number;
}

/** Creates an account through the API. */
export async function createAccount(username = "ada", password = "correct horse battery"): Promise<Account> {
  const options = { token: env.ADMIN_KEY };
  const answer = await new Client().post(
    "/v1/users",
    { username, password, email: `${username}@example.com` },
    options,
  );
  if (answer.status !== 201) throw new Error(`POST /v1/users: ${answer.status} ${answer.text}`);
  return { id: answer.json.data.id, username, password };
}

/** Creates an account with a second factor through the API. It is confirmed with the code of the previous step. */
export async function createEnrolledAccount(username = "ada"): Promise<EnrolledAccount> {
  const account = await createAccount(username);
  const client = new Client();
  const token = (await client.login(account)).json.session_token;
  const setup = await client.post("/totp/setup", {}, { token });
  const { secret } = setup.json.data;
  const confirmedStep = computeTimeStep(new Date()) - 1;
  const enabled = await client.post(
    "/totp/enable",
    { code: await codeOfStep(secret, confirmedStep) },
    { token },
  );
  if (enabled.status !== 200) throw new Error(`POST /totp/enable: ${enabled.status} ${enabled.text}`);
  return { ...account, secret, backupCodes: enabled.json.data.backup_codes, confirmedStep };
}

/** Computes the code of a time step. */
export function codeOfStep(secret: string, step: number): Promise<string> {
  return computeHotp(decodeTotpSecret(secret), step, 6);
}

/** `code(k)`: the code of the server's current step + k. */
export function code(secret: string, k = 0): Promise<string> {
  return codeOfStep(secret, computeTimeStep(new Date()) + k);
}

/** A six-digit code that is not valid in any of the accepted steps. */
export async function wrongCode(secret: string, variant = 0): Promise<string> {
  const live = await Promise.all([-2, -1, 0, 1, 2].map((k) => code(secret, k)));
  for (let candidate = variant; ; candidate += 1000) {
    const text = String(candidate % 1_000_000).padStart(6, "0");
    if (!live.includes(text)) return text;
  }
}

/** Signs in with the password, and returns the token of the pending session. */
export async function pendingToken(
  account: Account,
  client = new Client(),
  options: CallOptions = {},
): Promise<string> {
  const answer = await client.login(account, options);
  if (answer.json?.status !== "totp_required")
    throw new Error(`POST /login: ${answer.status} ${answer.text}`);
  return answer.json.session_token;
}
