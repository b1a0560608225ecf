import { listPossibleStoredUserIds } from "../../core/parsing/user-id.ts";
import { type AuditEvent, type AuditEventType, generateEventId } from "../../store/service/audit.ts";
import type { UserRef } from "../../store/service/user-writes.ts";
import { findUser, findUserOnPrimary, type User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { ServiceCall, UserServiceCall } from "./service-caller.ts";

/** The realm and the possible stored ids of the target user. */
export const targetUserRefOf = ({ realm, userId }: Pick<UserServiceCall, "realm" | "userId">): UserRef => ({
  realm,
  ids: listPossibleStoredUserIds(realm, userId),
});

/**
 * Finds the target user. `known: null`: the read replica does not have it, so only the primary is read. Not set: nothing has
 * been read yet, so the replica is read first.
 */
export const findTargetUser = async (
  deps: Deps,
  call: Pick<UserServiceCall, "realm" | "userId" | "known">,
): Promise<User | null> =>
  call.known ??
  (await (call.known === null ? findUserOnPrimary : findUser)(
    deps.db,
    call.realm,
    targetUserRefOf(call).ids,
  ));

/** Creates an audit event for an action of a service caller. */
export function createServiceAuditEvent(
  { client, now, realm }: Pick<ServiceCall, "client" | "now" | "realm">,
  type: AuditEventType,
  userId: string | null,
  detail: AuditEvent["detail"] = {},
): AuditEvent {
  return { id: generateEventId(), at: now, type, client, realm, userId, detail };
}
