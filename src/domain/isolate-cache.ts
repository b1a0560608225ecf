import { BoundedMap } from "../core/lib/bounded-map.ts";
import type { ApiKey } from "../store/service/api-key-rows.ts";
import type { FullSession } from "./sessions/sessions.ts";

/** An assertion that was signed a moment ago. */
export interface CachedAssertion {
  readonly assertion: string;
  readonly signedAt: Date;
}

/** An API key as it was read from D1. */
export interface CachedApiKey {
  readonly key: ApiKey;
  readonly readAt: Date;
}

/**
 * The values that an isolate keeps between requests, for one configuration. Every key is text that is made of values, so
 * a copy of an object (`{ ...session }`) finds the entry of the original. Only positive results are kept: a rejected
 * token or key leaves no entry.
 */
export class IsolateCache {
  /** Full sessions by their token: about two megabytes. The caller checks the end and the age of a session. */
  readonly sessions = new BoundedMap<string, FullSession>(1000);
  /** Assertions by the identity that they name, and then by issuer, audience and scope. */
  readonly assertions = new BoundedMap<string, BoundedMap<string, CachedAssertion>>(1000);
  /** API keys by the SHA-256 of the whole key. */
  readonly apiKeys = new BoundedMap<string, CachedApiKey>(1000);
}
