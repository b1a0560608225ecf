/** The names of the realms whose accounts have an external first factor. Each source of a first factor has one realm. */
export const externalRealmNames = ["origin", "jwt", "proxy"] as const;

/** The name of a realm whose accounts have an external first factor. */
export type ExternalRealmName = (typeof externalRealmNames)[number];

export const isExternalRealm = (realm: string): realm is ExternalRealmName =>
  externalRealmNames.some((external) => external === realm);
