import { equalInConstantTime } from "../../core/crypto/constant-time.ts";
import { sha256 } from "../../core/crypto/digest.ts";
import { isMarkedApiKeyId, parseApiKeyId } from "../../core/tokens/api-key.ts";
import { type ApiKey, touchApiKey } from "../../store/service/api-key-rows.ts";
import type { ClientContext } from "../../store/service/audit.ts";
import { type CallQuery, type CallView, readCall } from "../../store/service/service-call-rows.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import type { ExportKeyState } from "./export-key.ts";
import type { StoreResponse } from "./stored-response.ts";

/** What an API key may do. */
export const scopes = ["users:read", "users:write", "verify", "admin"] as const;

export type Scope = (typeof scopes)[number];

/** Who speaks for the users of a realm. */
export interface ServiceCaller {
  readonly realm: string;
  /** As audit events name it. */
  readonly actor: string;
  /** Null for `ADMIN_KEY`. */
  readonly keyId: string | null;
  readonly scopes: readonly string[];
  readonly returnUrls: readonly string[];
}

/** A call of a backend, for whatever use case. */
export interface ServiceCall<Result = never> {
  readonly realm: string;
  /** With `actor`: nobody else's doing is written down as the user's own. */
  readonly client: ClientContext;
  readonly now: Date;
  /** What the call shows of `EXPORT_KEY`: `domain/service-api/export-key.ts` says when it is needed. */
  readonly exportKey: ExportKeyState;
  readonly keep: StoreResponse<Result | Failure>;
}

/** A call about one user of the realm. */
export interface UserServiceCall<Result = never> extends ServiceCall<Result> {
  /** As the backend names the user. */
  readonly userId: string;
  /** The row, if it has just been read. Null: a copy does not have it. */
  readonly known?: User | null;
}

/** An isolate uses a key for this long before it reads the key from D1 again: the longest time that a revoked key works. */
const keyCacheSeconds = 60;

/** What a caller shows, and what its call is about. */
export interface CallerCredentials {
  readonly token: string;
  /** The realm that the operator speaks for with `ADMIN_KEY`. */
  readonly adminRealm: string;
  readonly userId: string | null;
  readonly keyHash: string | null;
  readonly now: Date;
}

/** A caller who may go on, and what was read on the way. */
export interface AuthenticatedCall {
  readonly caller: ServiceCaller;
  readonly user: User | null;
  readonly answer: CallView["answer"];
}

/**
 * Finds out who calls, and reads the user and the first answer that the call is about, in at most one read; none
 * if there is nothing to read and the key is known. Null: the key is not known, has ended, or is revoked.
 */
export async function authenticateServiceCaller(
  deps: Deps,
  question: CallerCredentials,
): Promise<AuthenticatedCall | null> {
  const { token, userId, keyHash, now, adminRealm } = question;
  if (await equalInConstantTime(token, deps.config.adminKey)) {
    return readFor(deps, callerOfAdminKey(adminRealm), question);
  }
  const keyId = parseApiKeyId(token);
  if (keyId === null) return null;
  const hash = await sha256(token);
  const cached = deps.cache.apiKeys.get(hash);
  if (cached !== undefined && now.getTime() - cached.readAt.getTime() < keyCacheSeconds * 1000) {
    return isLive(cached.key, now) ? readFor(deps, callerOfApiKey(cached.key), question) : null;
  }
  const asked = { caller: { keyId }, userId, keyHash, now };
  const view = (await readCall(deps.db, "nearest", asked)) ?? (await readNewKey(deps, keyId, asked));
  const key = view?.apiKey ?? null;
  if (view === null || key === null || !(await equalInConstantTime(hash, key.keyHash))) return null;
  deps.cache.apiKeys.set(hash, { key, readAt: now });
  if (!isLive(key, now)) return null;
  if (key.lastUsedAt === null || now.getTime() - key.lastUsedAt.getTime() >= keyCacheSeconds * 1000)
    deps.defer(touchApiKey(deps.db, key.id, now));
  return { caller: callerOfApiKey(key), user: view.user, answer: view.answer };
}

/** Reads a key that no copy has yet. An invented one is no reason to ask the primary (INC-30). */
async function readNewKey(deps: Deps, keyId: string, asked: CallQuery): Promise<CallView | null> {
  return (await isMarkedApiKeyId(deps.config.keyring, keyId)) ? readCall(deps.db, "primary", asked) : null;
}

/** Removes a key from the cache of this isolate. Other isolates may use it for another {@link keyCacheSeconds}. */
export function uncacheApiKey(deps: Deps, keyId: string): void {
  deps.cache.apiKeys.deleteWhere(({ key }) => key.id === keyId);
}

async function readFor(
  deps: Deps,
  caller: ServiceCaller,
  question: CallerCredentials,
): Promise<AuthenticatedCall> {
  const { userId, keyHash, now } = question;
  if (userId === null && keyHash === null) return { caller, user: null, answer: null };
  const { realm } = caller;
  const view = await readCall(deps.db, "nearest", { caller: { realm }, userId, keyHash, now });
  return { caller, user: view?.user ?? null, answer: view?.answer ?? null };
}

const isLive = ({ revokedAt, expiresAt }: ApiKey, now: Date): boolean =>
  revokedAt === null && (expiresAt === null || expiresAt > now);

const callerOfApiKey = ({ id, realm, scopes: granted, returnUrls }: ApiKey): ServiceCaller => ({
  realm,
  actor: `api_key:${id}`,
  keyId: id,
  scopes: granted,
  returnUrls,
});

const callerOfAdminKey = (realm: string): ServiceCaller => ({
  realm,
  actor: "admin",
  keyId: null,
  scopes,
  returnUrls: [],
});
