import { listPossibleStoredUserIds } from "../../core/parsing/user-id.ts";
import { type AuditEvent, type AuditEventType, generateRandomEventId } from "../../store/service/audit.ts";
import type { UserRealmAndPossibleIds } from "../../store/service/user-writes.ts";
import { findUserOnPrimary, findUserOnReplicaOrPrimary, type User } from "../../store/users/user-rows.ts";
import type { Deps } from "../deps.ts";
import type { ServiceCall, UserServiceCall } from "./service-caller.ts";

/** The realm and the possible stored ids of the target user. */
export const targetUserRefOf = ({
  realm,
  userId,
}: Pick<UserServiceCall, "realm" | "userId">): UserRealmAndPossibleIds => ({
  realm,
  ids: listPossibleStoredUserIds(realm, userId),
});

/**
 * Finds the target user. `known: null`: the read replica does not have it, so only the primary is read. Not set: nothing has
 * been read yet, so the replica is read first.
 */
export const findTargetUser = (
  deps: Deps,
  call: Pick<UserServiceCall, "realm" | "userId" | "known">,
): Promise<User | null> => findUserUnlessKnown(deps, { ...targetUserRefOf(call), known: call.known });

/** As {@link findTargetUser}, for a user whose possible stored ids are known. */
export const findUserUnlessKnown = async (
  { db }: Deps,
  { realm, ids, known }: UserRealmAndPossibleIds & { readonly known?: User | null | undefined },
): Promise<User | null> =>
  known ?? (await (known === null ? findUserOnPrimary : findUserOnReplicaOrPrimary)(db, realm, ids));

/** Creates an audit event for an action of a service caller. */
export function createServiceAuditEvent(
  { client, now, realm }: Pick<ServiceCall, "client" | "now" | "realm">,
  type: AuditEventType,
  userId: string | null,
  detail: AuditEvent["detail"] = {},
): AuditEvent {
  return { id: generateRandomEventId(), at: now, type, client, realm, userId, detail };
}
