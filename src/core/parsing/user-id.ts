/**
 * A user whose id a backend chose has the id `<realm>:<chosen id>` in D1, so that two realms can use the same id. Other users
 * have a random id.
 */
const separator = ":";

/**
 * Regular expression for the ids that a backend may choose: visible ASCII, no dot segment, so that the id works as one path
 * segment. Ids are compared exactly.
 */
export const backendUserIdPattern = /^(?!\.{1,2}$)[\x21-\x7e]{1,128}$/;

/** True when an id has the form of a random one (`crypto.randomUUID`), which no backend can choose in D1: those contain a colon. */
export const isRandomUserId = (id: string): boolean =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id);

/** Regular expression for the name of a realm. A realm is a namespace of users. */
export const realmNamePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Returns the id in D1 for an id that a backend chose. */
export const toStoredUserId = (realm: string, id: string): string => realm + separator + id;

/** Returns the ids in D1 that an id of the API can stand for. At most one of them exists (`store/users/user-rows.ts`). */
export function listPossibleStoredUserIds(realm: string, id: string): string[] {
  const named = toStoredUserId(realm, id);
  return id.startsWith(realm + separator) ? [named] : [named, id];
}

/** Returns a user's id in the API of the realm's backend. */
export const toBackendUserId = (realm: string, storedId: string): string =>
  storedId.startsWith(realm + separator) ? storedId.slice(realm.length + separator.length) : storedId;
