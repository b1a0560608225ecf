/** The realms of accounts whose first factor is external. */
export const externalRealms = ["origin", "jwt", "proxy"] as const;

export type ExternalRealm = (typeof externalRealms)[number];

export const isExternalRealm = (realm: string): realm is ExternalRealm =>
  externalRealms.some((external) => external === realm);
