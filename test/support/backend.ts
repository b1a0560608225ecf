import { env } from "cloudflare:workers";
import { computeTimeStep } from "../../src/core/crypto/totp.ts";
import { type ApiKeyScope, apiKeyScopes as everyScope } from "../../src/domain/service-api/service-caller.ts";
import { type Answer, type CallOptions, Client, codeOfStep, type Overrides } from "./worker.ts";

export type Options = Omit<CallOptions, "method" | "body" | "token">;

/** A client of the service API with an API key or `ADMIN_KEY`, at one isolate of the Worker. */
export class Backend {
  constructor(
    readonly realm: string,
    readonly key: string,
    readonly client: Client = new Client(),
  ) {}

  /** The public part of the key. */
  get keyId(): string {
    return this.key.split("_")[1] ?? "";
  }

  /** The id of the key in audit events. */
  get actor(): string {
    return this.key === env.ADMIN_KEY ? "admin" : `api_key:${this.keyId}`;
  }

  /** The same client at another isolate, which has its own cache, and may have other bindings. */
  at(client: Client): Backend {
    return new Backend(this.realm, this.key, client);
  }

  get(path: string, options: Options = {}): Promise<Answer> {
    return this.client.call(path, { ...options, token: this.key });
  }

  post(path: string, body: unknown = {}, options: Options = {}): Promise<Answer> {
    return this.client.call(path, { ...options, method: "POST", body, token: this.key });
  }

  put(path: string, body: unknown = {}, options: Options = {}): Promise<Answer> {
    return this.client.call(path, { ...options, method: "PUT", body, token: this.key });
  }

  delete(path: string, options: Options = {}): Promise<Answer> {
    return this.client.call(path, { ...options, method: "DELETE", token: this.key });
  }

  /** Submits a code of a user to `/verify`. */
  verify(id: string, code: unknown, fields: Overrides = {}, options: Options = {}): Promise<Answer> {
    return this.post(`${userPath(id)}/verify`, { code, ...fields }, options);
  }
}

/** A client with `ADMIN_KEY`. It names the realm with `?realm=`. */
export const operator = (client = new Client()): Backend => new Backend("local", env.ADMIN_KEY, client);

/** The path of a user, with the id escaped. */
export const userPath = (id: string): string => `/v1/users/${encodeURIComponent(id)}`;

/** The `Idempotency-Key` header. */
export const repeatable = (key: string): Options => ({ headers: { "Idempotency-Key": key } });

export interface KeyFields {
  readonly name?: string;
  readonly scopes?: readonly ApiKeyScope[];
  readonly expires_at?: string;
  readonly return_urls?: readonly string[];
}

/** Creates an API key for a realm with the client `maker`. */
export async function createKey(maker: Backend, realm: string, fields: KeyFields = {}): Promise<Backend> {
  const body = { name: "backend", scopes: everyScope, ...fields };
  const answer = await maker.post(`/v1/api-keys?realm=${realm}`, body);
  if (answer.status !== 201) throw new Error(`POST /v1/api-keys: ${answer.status} ${answer.text}`);
  return new Backend(realm, answer.json.data.key, maker.client);
}

/** Creates a realm with its first key, which has every scope unless `fields` name some. */
export const createRealm = (
  realm = "shop",
  fields: KeyFields = {},
  client = new Client(),
): Promise<Backend> => createKey(operator(client), realm, fields);

export interface BackendUser {
  readonly id: string;
  readonly username: string;
  /** The user's id in the store. */
  readonly storedId: string;
}

/** Creates a user with an id of the backend's choice. */
export async function createBackendUser(
  backend: Backend,
  id = "42",
  fields: Overrides = {},
): Promise<BackendUser> {
  const answer = await backend.put(userPath(id), fields);
  if (answer.status !== 201) throw new Error(`PUT ${userPath(id)}: ${answer.status} ${answer.text}`);
  return { id, username: answer.json.data.username, storedId: `${backend.realm}:${id}` };
}

export interface EnrolledBackendUser extends BackendUser {
  readonly secret: string;
  readonly backupCodes: string[];
}

/**
 * Creates a user with a second factor through the service API. Needs a stopped clock. It is confirmed with the code of the previous step, so
 * the codes from the current step on are unspent.
 */
export async function enrolBackendUser(
  backend: Backend,
  id = "42",
  fields: Overrides = {},
): Promise<EnrolledBackendUser> {
  const user = await createBackendUser(backend, id, fields);
  return { ...user, ...(await enrol(backend, id)) };
}

/** Enrols an existing user. */
export async function enrol(
  backend: Backend,
  id: string,
): Promise<Pick<EnrolledBackendUser, "secret" | "backupCodes">> {
  const path = `${userPath(id)}/totp`;
  const started = await backend.post(path);
  if (started.status !== 200) throw new Error(`POST ${path}: ${started.status} ${started.text}`);
  const { secret } = started.json.data;
  const first = await codeOfStep(secret, computeTimeStep(new Date()) - 1);
  const confirmed = await backend.post(`${path}/confirm`, { code: first });
  if (confirmed.status !== 200)
    throw new Error(`POST ${path}/confirm: ${confirmed.status} ${confirmed.text}`);
  return { secret, backupCodes: confirmed.json.data.backup_codes };
}
