/** The names of the realms whose accounts have an external first factor. Each source of a first factor has one realm. */
export const externalRealms = ["origin", "jwt", "proxy"] as const;

/** The name of a realm whose accounts have an external first factor. */
export type ExternalRealm = (typeof externalRealms)[number];

export const isExternalRealm = (realm: string): realm is ExternalRealm =>
  externalRealms.some((external) => external === realm);
