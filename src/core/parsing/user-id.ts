/**
 * Users that a backend names itself have ids of the form `<realm>:<its own id>` in the store, so that two realms can
 * use the same id. Others have a random one.
 */
const separator = ":";

/** What a backend may call a user: visible ASCII that survives as one segment of a path. Compared exactly. */
export const userIdForm = /^(?!\.{1,2}$)[\x21-\x7e]{1,128}$/;

/** Whether an id is one that was drawn and not chosen (`crypto.randomUUID`). Nobody can choose another's. */
export const isRandomUserId = (id: string): boolean =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id);

/** A realm: a name space of users. */
export const realmForm = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** The id in the store of a user that a backend names. */
export const storedUserId = (realm: string, id: string): string => realm + separator + id;

/** The ids in the store that a name within a realm can mean. At most one of them exists (`store/users/user-rows.ts`). */
export function possibleStoredUserIds(realm: string, id: string): string[] {
  const named = storedUserId(realm, id);
  return id.startsWith(realm + separator) ? [named] : [named, id];
}

/** The id that a backend knows a user by. */
export const backendUserId = (realm: string, storedId: string): string =>
  storedId.startsWith(realm + separator) ? storedId.slice(realm.length + separator.length) : storedId;
