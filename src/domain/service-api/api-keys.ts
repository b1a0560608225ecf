import { sha256Base64url } from "../../core/crypto/digest.ts";
import { generateApiKey } from "../../core/tokens/api-key.ts";
import {
  type ApiKey,
  insertApiKeyOnceWithinLimit,
  listApiKeys as listStoredKeys,
  revokeApiKey as revokeStoredKey,
} from "../../store/service/api-key-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { type ApiKeyScope, type ServiceCall, uncacheApiKey } from "./service-caller.ts";
import { prepareStoredResponse } from "./stored-response.ts";
import { createServiceAuditEvent } from "./target-user.ts";

/** The maximum number of live keys with one name in a realm. Two are enough to replace one without a gap (CR-09). */
const maxLiveKeys = 2;

/** The fields of a new API key. */
export interface ApiKeyInput {
  readonly name: string;
  readonly scopes: readonly ApiKeyScope[];
  /** The return addresses that hosted challenges of this key may use. */
  readonly returnUrls: readonly string[];
  /** Null: the key does not expire. */
  readonly expiresAt: Date | null;
}

/** The row of a new API key, and the key itself. */
export type CreatedApiKey = {
  readonly ok: true;
  readonly apiKey: ApiKey;
  /** The key itself. It is shown once; D1 has only its hash. */
  readonly key: string;
};

/** Creates an API key for the caller's realm, unless it has two live keys of this name (`too_many_api_keys`). */
export async function createApiKey(
  deps: Deps,
  call: ServiceCall<CreatedApiKey>,
  { name, scopes, returnUrls, expiresAt }: ApiKeyInput,
): Promise<CreatedApiKey | Failure> {
  const { id, key } = await generateApiKey(deps.config.keyring);
  const apiKey: ApiKey = {
    id,
    realm: call.realm,
    name,
    scopes: [...scopes],
    keyHash: await sha256Base64url(key),
    returnUrls: [...returnUrls],
    createdAt: call.now,
    expiresAt,
    lastUsedAt: null,
    revokedAt: null,
  };
  const created: CreatedApiKey = { ok: true, apiKey, key };
  const event = createServiceAuditEvent(call, "api_key.created", null, {
    api_key: id,
    name,
    scopes: scopes.join(" "),
  });
  const done = await insertApiKeyOnceWithinLimit(
    deps.db,
    apiKey,
    maxLiveKeys,
    event,
    await prepareStoredResponse(deps, call.idempotency, created, call.now),
  );
  if (done.happened) return created;
  return { ok: false, reason: done.respondedBefore ? "already_responded" : "too_many_api_keys" };
}

/** Lists one page of the realm's API keys, expired and revoked ones included. */
export const listApiKeys = (
  deps: Deps,
  { realm }: ServiceCall,
  page: { readonly afterId: string; readonly limit: number },
): Promise<readonly ApiKey[]> => listStoredKeys(deps.db, realm, page);

export interface RevokedApiKey {
  readonly ok: true;
  readonly apiKey: ApiKey;
}

/**
 * Revokes an API key of the caller's realm. This isolate rejects the key at once, others when their cache of it expires,
 * within a minute.
 */
export async function revokeApiKey(
  deps: Deps,
  call: ServiceCall,
  id: string,
): Promise<RevokedApiKey | Failure> {
  const event = createServiceAuditEvent(call, "api_key.revoked", null, { api_key: id });
  const { rows } = await revokeStoredKey(deps.db, { id, realm: call.realm }, call.now, event);
  uncacheApiKey(deps, id);
  const [apiKey] = rows;
  return apiKey?.realm === call.realm ? { ok: true, apiKey } : { ok: false, reason: "no_such_api_key" };
}
