import { possibleStoredUserIds } from "../../core/parsing/user-id.ts";
import { listEvents as listStoredEvents, type StoredEvent } from "../../store/service/event-pages.ts";
import type { Deps } from "../deps.ts";
import type { ServiceCall } from "./service-caller.ts";

export interface EventPageInput {
  /** As the backend names the user. Null: everybody's. */
  readonly userId: string | null;
  readonly type: string | null;
  readonly newestFirst: boolean;
  readonly after: number | null;
  readonly limit: number;
}

/** One page of what has happened in a realm. What happened to a user who is gone is listed, too. */
export const listEvents = (
  deps: Deps,
  { realm }: ServiceCall,
  { userId, ...page }: EventPageInput,
): Promise<readonly StoredEvent[]> =>
  listStoredEvents(deps.db, {
    realm,
    userIds: userId === null ? null : possibleStoredUserIds(realm, userId),
    ...page,
  });
