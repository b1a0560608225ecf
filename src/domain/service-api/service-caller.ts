import { equalInConstantTime } from "../../core/crypto/constant-time.ts";
import { sha256 } from "../../core/crypto/digest.ts";
import { isMarkedApiKeyId, parseApiKeyId } from "../../core/tokens/api-key.ts";
import { type ApiKey, touchApiKey } from "../../store/service/api-key-rows.ts";
import type { ClientContext } from "../../store/service/audit.ts";
import { type CallQuestion, type CallView, readCall } from "../../store/service/service-call-rows.ts";
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

/** A key is believed for this long without being asked about: a revoked one ends everywhere within it. */
const believedSeconds = 60;
const mostBelieved = 1000;

interface BelievedKey {
  readonly key: ApiKey;
  readonly readAt: Date;
}

/** Keys by the hash of what their holder shows. One map for each configuration, and so for each isolate. */
const believedKeys = new WeakMap<Deps["config"], Map<string, BelievedKey>>();

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
  const believed = believedKeys.get(deps.config)?.get(hash);
  if (believed !== undefined && now.getTime() - believed.readAt.getTime() < believedSeconds * 1000) {
    return isLive(believed.key, now) ? readFor(deps, callerOfApiKey(believed.key), question) : null;
  }
  const asked = { caller: { keyId }, userId, keyHash, now };
  const view = (await readCall(deps.db, "nearest", asked)) ?? (await readNewKey(deps, keyId, asked));
  const key = view?.apiKey ?? null;
  if (view === null || key === null || !(await equalInConstantTime(hash, key.keyHash))) return null;
  believe(deps, hash, { key, readAt: now });
  if (!isLive(key, now)) return null;
  if (key.lastUsedAt === null || now.getTime() - key.lastUsedAt.getTime() >= believedSeconds * 1000)
    deps.defer(touchApiKey(deps.db, key.id, now));
  return { caller: callerOfApiKey(key), user: view.user, answer: view.answer };
}

/** Reads a key that no copy has yet. An invented one is no reason to ask the primary (INC-30). */
async function readNewKey(deps: Deps, keyId: string, asked: CallQuestion): Promise<CallView | null> {
  return (await isMarkedApiKeyId(deps.config.keyring, keyId)) ? readCall(deps.db, "primary", asked) : null;
}

/** Believes nothing of a key any more, in this isolate. */
export function uncacheApiKey(deps: Deps, keyId: string): void {
  const believed = believedKeys.get(deps.config);
  for (const [hash, { key }] of believed ?? []) if (key.id === keyId) believed?.delete(hash);
}

function believe(deps: Deps, hash: string, key: BelievedKey): void {
  const believed = believedKeys.get(deps.config) ?? new Map<string, BelievedKey>();
  if (believed.size >= mostBelieved) believed.clear();
  believed.set(hash, key);
  believedKeys.set(deps.config, believed);
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
