import { listPossibleStoredUserIds } from "../../core/parsing/user-id.ts";
import { listEvents as listStoredEvents, type StoredEvent } from "../../store/service/event-pages.ts";
import type { Deps } from "../deps.ts";
import type { ServiceCall } from "./service-caller.ts";

/** The filter, the order and the position of a page of audit events. */
export interface EventPageInput {
  /** The caller's id of the user. Null: the events of all users. */
  readonly userId: string | null;
  readonly type: string | null;
  readonly newestFirst: boolean;
  /** The position of the last event of the previous page. Null: the first page. */
  readonly after: number | null;
  readonly limit: number;
}

/** Lists one page of a realm's audit events. Events of deleted users are included. */
export const listEvents = (
  deps: Deps,
  { realm }: ServiceCall,
  { userId, ...page }: EventPageInput,
): Promise<readonly StoredEvent[]> =>
  listStoredEvents(deps.db, {
    realm,
    userIds: userId === null ? null : listPossibleStoredUserIds(realm, userId),
    ...page,
  });
