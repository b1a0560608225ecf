import { possibleStoredUserIds } from "../../core/parsing/user-id.ts";
import { type AuditEvent, type AuditEventType, generateEventId } from "../../store/service/audit.ts";
import type { UserRef } from "../../store/service/user-writes.ts";
import { findUser, findUserOnPrimary, type User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { ServiceCall, UserServiceCall } from "./service-caller.ts";

/** The place in the store of the user that a call is about. */
export const targetPlaceOf = ({ realm, userId }: Pick<UserServiceCall, "realm" | "userId">): UserRef => ({
  realm,
  ids: possibleStoredUserIds(realm, userId),
});

/** Finds the user that a call is about. A copy that does not have it was asked already. */
export const findTargetUser = async (
  deps: Deps,
  call: Pick<UserServiceCall, "realm" | "userId" | "known">,
): Promise<User | null> =>
  call.known ??
  (await (call.known === null ? findUserOnPrimary : findUser)(deps.db, call.realm, targetPlaceOf(call).ids));

/** The record of something that a backend does. */
export function auditEventOf(
  { client, now, realm }: Pick<ServiceCall, "client" | "now" | "realm">,
  type: AuditEventType,
  userId: string | null,
  detail: AuditEvent["detail"] = {},
): AuditEvent {
  return { id: generateEventId(), at: now, type, client, realm, userId, detail };
}
