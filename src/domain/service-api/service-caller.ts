import { isEqualInConstantTime } from "../../core/crypto/constant-time.ts";
import { sha256Base64url } from "../../core/crypto/digest.ts";
import { hasValidApiKeyIdMac, parseApiKeyId } from "../../core/tokens/api-key.ts";
import { type ApiKey, updateApiKeyLastUsedAt } from "../../store/service/api-key-rows.ts";
import type { ClientAndActor } from "../../store/service/audit.ts";
import {
  findServiceCallRows,
  type ServiceCallQuery,
  type ServiceCallRows,
} from "../../store/service/service-call-rows.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { CompareExportKeyResult } from "./export-key.ts";
import type { IdempotencyKeyWithRenderer } from "./stored-response.ts";

/** The permissions that an API key can have. */
export const apiKeyScopes = ["users:read", "users:write", "verify", "admin"] as const;

export type ApiKeyScope = (typeof apiKeyScopes)[number];

/** The authenticated client of the service API. It acts for the users of one realm. */
export interface ServiceCaller {
  readonly realm: string;
  /** The `actor` of audit events: `admin` or `api_key:<id>`. */
  readonly actor: string;
  /** The id of the caller's API key. Null: the caller has `ADMIN_KEY`. */
  readonly keyId: string | null;
  readonly scopes: readonly string[];
  readonly returnUrls: readonly string[];
}

/** The context of one call of the service API or of the RPC interface, for any use case. */
export interface ServiceCall<Result = never> {
  readonly realm: string;
  /** Has an `actor`, so that audit events distinguish the caller's actions from the user's own. */
  readonly client: ClientAndActor;
  readonly now: Date;
  /** How the key in the request compares with `EXPORT_KEY`; `requireAndAuditExportKey` uses it. */
  readonly exportKey: CompareExportKeyResult;
  /** Null for a call without an `Idempotency-Key`, and for a method that takes none. */
  readonly idempotency: IdempotencyKeyWithRenderer<Result> | null;
}

/** The context of a call about one user of the realm: the target user. */
export interface UserServiceCall<Result = never> extends ServiceCall<Result> {
  /** The caller's id of the user. */
  readonly userId: string;
  /** The user's row, if it has just been read. Null: the read replica does not have it. Undefined: it was not read. */
  readonly known?: User | null;
}

/** An isolate uses a key for this long before it reads the key from D1 again: the longest time that a revoked key works. */
const keyCacheSeconds = 60;

/** The credentials of a caller, and the rows that the same read should bring. */
export interface AuthenticateCallerInput {
  /** The bearer token: an API key or `ADMIN_KEY`. */
  readonly token: string;
  /** The realm of a caller with `ADMIN_KEY`. An API key has its own. */
  readonly adminRealm: string;
  /** The caller's id of the target user. Null: the call has none. */
  readonly userId: string | null;
  /** SHA-256 of the `Idempotency-Key`. Null: the call has none. */
  readonly keyHash: string | null;
  readonly now: Date;
}

/** A caller whose key is valid, and the rows that were read with it. */
export interface ServiceCallerWithCallRows {
  readonly caller: ServiceCaller;
  /** The target user. */
  readonly user: User | null;
  /** The stored response to the first call with the same `Idempotency-Key`. */
  readonly storedResponse: ServiceCallRows["storedResponse"];
}

/**
 * Authenticates the caller, and reads the target user and the stored response of the call. One read. None when the key is
 * cached, or is `ADMIN_KEY`, and the call has neither a target user nor an `Idempotency-Key`. A second one on the primary
 * for a key that the read replica does not have.
 *
 * @returns null when the key is unknown, expired or revoked
 */
export async function authenticateKeyAndReadCallRows(
  deps: Deps,
  input: AuthenticateCallerInput,
): Promise<ServiceCallerWithCallRows | null> {
  const { token, userId, keyHash, now, adminRealm } = input;
  if (await isEqualInConstantTime(token, deps.config.adminKey)) {
    return findRowsOfCaller(deps, callerOfAdminKey(adminRealm), input);
  }
  const keyId = parseApiKeyId(token);
  if (keyId === null) return null;
  const hash = await sha256Base64url(token);
  const cached = deps.cache.apiKeys.get(hash);
  if (cached !== undefined && now.getTime() - cached.readAt.getTime() < keyCacheSeconds * 1000) {
    return isLive(cached.key, now) ? findRowsOfCaller(deps, callerOfApiKey(cached.key), input) : null;
  }
  const query = { caller: { keyId }, userId, keyHash, now };
  const view =
    (await findServiceCallRows(deps.db, "nearest", query)) ??
    (await findServiceCallRowsOnPrimary(deps, keyId, query));
  const key = view?.apiKey ?? null;
  if (view === null || key === null || !(await isEqualInConstantTime(hash, key.keyHash))) return null;
  deps.cache.apiKeys.set(hash, { key, readAt: now });
  if (!isLive(key, now)) return null;
  if (key.lastUsedAt === null || now.getTime() - key.lastUsedAt.getTime() >= keyCacheSeconds * 1000)
    deps.defer(updateApiKeyLastUsedAt(deps.db, key.id, now));
  return { caller: callerOfApiKey(key), user: view.user, storedResponse: view.storedResponse };
}

/**
 * Reads a key that the read replica does not have on the primary. Only for an id with Sallyport's mark: invented ids cause
 * no load on the primary (INC-30).
 */
async function findServiceCallRowsOnPrimary(
  deps: Deps,
  keyId: string,
  query: ServiceCallQuery,
): Promise<ServiceCallRows | null> {
  if (!(await hasValidApiKeyIdMac(deps.config.keyring, keyId))) return null;
  return findServiceCallRows(deps.db, "primary", query);
}

/** Removes a key from the cache of this isolate. Other isolates may use it for another {@link keyCacheSeconds}. */
export function uncacheApiKey(deps: Deps, keyId: string): void {
  deps.cache.apiKeys.deleteWhere(({ key }) => key.id === keyId);
}

/** Reads the target user and the stored response for a caller that is already authenticated. */
async function findRowsOfCaller(
  deps: Deps,
  caller: ServiceCaller,
  { userId, keyHash, now }: AuthenticateCallerInput,
): Promise<ServiceCallerWithCallRows> {
  if (userId === null && keyHash === null) return { caller, user: null, storedResponse: null };
  const { realm } = caller;
  const view = await findServiceCallRows(deps.db, "nearest", { caller: { realm }, userId, keyHash, now });
  return { caller, user: view?.user ?? null, storedResponse: view?.storedResponse ?? null };
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
  scopes: apiKeyScopes,
  returnUrls: [],
});
