import type { AuditEvent } from "../../store/service/audit.ts";
import type { WriteResult } from "../../store/service/idempotent-write.ts";
import type { UserWriteEventAndResponseInput } from "../../store/service/user-writes.ts";
import type { User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import type { UserServiceCall } from "./service-caller.ts";
import { prepareStoredResponse } from "./stored-response.ts";

/** The result of a write to an account: the whole row, with password hash and envelopes. `created`: false when the account existed before the call. */
export type WriteUserRowResult = { readonly ok: true; readonly user: User; readonly created: boolean };

/** A write to an account that exists, with its audit event. */
interface WriteUserInput {
  readonly event: AuditEvent;
  /** The account as the write leaves it. */
  readonly after: User;
  /** The failure when the account exists and the write still did not happen. */
  readonly otherwise: "no_such_user" | "user_exists";
}

/**
 * Runs a write to an account and returns the account. For a call with an `Idempotency-Key`, `after` is stored as the response
 * to a retry, and this call gets the same response, even when a parallel request has changed the account too.
 */
export async function writeUser(
  deps: Deps,
  { idempotency, now }: UserServiceCall<WriteUserRowResult>,
  { event, after, otherwise }: WriteUserInput,
  write: (input: UserWriteEventAndResponseInput) => Promise<WriteResult<User>>,
): Promise<WriteUserRowResult | Failure> {
  const updated: WriteUserRowResult = { ok: true, user: after, created: false };
  const response = await prepareStoredResponse(deps, idempotency, updated, now);
  const result = toWriteUserRowResultOrFailure(await write({ event, response, now }), otherwise);
  return result.ok && response !== null ? updated : result;
}

/**
 * Turns the result of a conditional write into the account as it is now, or into a failure.
 *
 * @param otherwise the failure when the account exists and the write still did not happen
 */
export function toWriteUserRowResultOrFailure(
  done: WriteResult<User>,
  otherwise: WriteUserInput["otherwise"],
): WriteUserRowResult | Failure {
  const [user] = done.rows;
  if (done.happened && user !== undefined) return { ok: true, user, created: false };
  if (done.respondedBefore) return { ok: false, reason: "already_responded" };
  return { ok: false, reason: user === undefined ? "no_such_user" : otherwise };
}
