import { sha256Base64url } from "../../core/crypto/digest.ts";
import { parseListedReturnAddress } from "../../core/parsing/return-address.ts";
import { generateChallengeSecret } from "../../core/tokens/challenge-secret.ts";
import {
  type Challenge,
  type ChallengeInput,
  findChallenge,
  insertChallengeForEnabledUserOnce,
} from "../../store/second-factor/challenge-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { requireExportKeyIfTargetIsAdminUser } from "./admin-users.ts";
import type { ServiceCall } from "./service-caller.ts";
import { prepareStoredResponse } from "./stored-response.ts";
import { createServiceAuditEvent, targetUserRefOf } from "./target-user.ts";

/** The lifetime of a challenge. Its page must be opened, and a code accepted, within it. */
export const challengeTtlSeconds = 600;

/** The parameters of a hosted challenge, as the caller sends them. */
export interface CreateChallengeInput {
  /** The caller's id of the user. */
  readonly userId: string;
  /** The address that the browser returns to with the receipt. */
  readonly returnTo: string;
  /** The return addresses that the caller's key lists. */
  readonly returnUrls: readonly string[];
  /** The id of the caller's API key. Null: the caller has `ADMIN_KEY`. */
  readonly keyId: string | null;
  readonly action: string | null;
  readonly nonce: string | null;
  /** The Worker's public base address: `iss` of the receipt, and the start of the challenge's address. */
  readonly issuer: string;
}

/** A new challenge, and the address to which the backend sends the browser. */
export type CreatedChallenge = {
  readonly ok: true;
  readonly id: string;
  /** The one-time address. It contains a secret, of which D1 has only the hash. */
  readonly url: string;
  readonly expiresAt: Date;
};

/** Creates a challenge. The caller redirects the browser to its address. One batch. */
export async function createChallenge(
  deps: Deps,
  call: ServiceCall<CreatedChallenge>,
  input: CreateChallengeInput,
): Promise<CreatedChallenge | Failure> {
  const { realm, now } = call;
  const { action, nonce, userId, keyId, issuer } = input;
  const returnAddress = parseListedReturnAddress(input.returnTo, input.returnUrls);
  if (!returnAddress.ok) return { ok: false, reason: returnAddressFailures[returnAddress.reason] };
  // The page of the challenge lets a user without a second factor set one up.
  const refusal = await requireExportKeyIfTargetIsAdminUser(deps, { ...call, userId }, "challenge.created");
  if (refusal !== null) return refusal;
  const secret = await generateChallengeSecret(deps.config.keyring);
  const challenge: ChallengeInput = {
    id: crypto.randomUUID(),
    realm,
    userIds: targetUserRefOf({ realm, userId }).ids,
    apiKeyId: keyId,
    secretHash: await sha256Base64url(secret),
    action,
    nonce,
    returnTo: returnAddress.address,
    createdAt: now,
    expiresAt: new Date(now.getTime() + challengeTtlSeconds * 1000),
    openedAt: null,
    completedAt: null,
    amr: null,
  };
  const { id, expiresAt } = challenge;
  const created: CreatedChallenge = { ok: true, id, url: `${issuer}/challenge/${secret}`, expiresAt };
  const detail = { challenge: id, ...(action === null ? {} : { action }) };
  const event = createServiceAuditEvent(call, "challenge.created", null, detail);
  const done = await insertChallengeForEnabledUserOnce(
    deps.db,
    challenge,
    event,
    await prepareStoredResponse(deps, call.idempotency, created, now),
  );
  if (done.happened) return created;
  if (done.respondedBefore) return { ok: false, reason: "already_responded" };
  return { ok: false, reason: done.rows.length === 0 ? "no_such_user" : "account_disabled" };
}

const returnAddressFailures = {
  not_listed: "return_address_refused",
  has_result_parameter: "return_address_has_receipt_parameter",
} as const;

/** A challenge, and its state at the time of the call. */
export interface ChallengeWithStatus {
  readonly ok: true;
  readonly challenge: Challenge;
  readonly status: "pending" | "opened" | "completed" | "expired";
}

/** Reads the state of a challenge of the caller's realm. One read. */
export async function getChallengeWithStatus(
  deps: Deps,
  { realm, now }: ServiceCall,
  id: string,
): Promise<ChallengeWithStatus | Failure> {
  const challenge = await findChallenge(deps.db, realm, id);
  if (challenge === null) return { ok: false, reason: "no_such_challenge" };
  return { ok: true, challenge, status: statusOf(challenge, now) };
}

function statusOf({ completedAt, openedAt, expiresAt }: Challenge, now: Date): ChallengeWithStatus["status"] {
  if (completedAt !== null) return "completed";
  if (expiresAt <= now) return "expired";
  return openedAt === null ? "pending" : "opened";
}
