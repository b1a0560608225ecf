import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
} from "jose";
import type { LogFunction } from "../../domain/deps.ts";

/** In milliseconds. jose fetches the keys again after `cacheMaxAge`, and for an unknown key id if `cooldownDuration` has passed since the last fetch. */
const keyCache = { cacheMaxAge: 600_000, cooldownDuration: 30_000, timeoutDuration: 5_000 };

/** The least time between a failed fetch and the next one. Equals the `Retry-After` of the 503. */
const failurePauseMilliseconds = 5_000;

/** The most bytes of a key set. Providers publish only a few keys. */
const maxKeySetBytes = 256 * 1024;

/** The most keys that are tried for one token, which bounds the cost of a request. */
const maxTriedKeys = 4;

/** The least time between two warnings about the same key set. Each request with such a token would otherwise log one. */
const warningPauseMilliseconds = 600_000;

/** The key set of an identity provider, which all requests of an isolate share. */
interface ProviderKeys {
  readonly find: ReturnType<typeof createRemoteJWKSet>;
  warnedAt: number;
}

const keySets = new Map<string, ProviderKeys>();

function getProviderKeys(url: string): ProviderKeys {
  const keys = keySets.get(url) ?? {
    find: createRemoteJWKSet(new URL(url), { ...keyCache, [customFetch]: createPausingFetch() }),
    warnedAt: Number.NEGATIVE_INFINITY,
  };
  keySets.set(url, keys);
  return keys;
}

/**
 * Creates a `fetch` that throws without a request for {@link failurePauseMilliseconds} after a failure, because jose pauses only after a
 * success. A response that is no key set counts as a failure: otherwise each request with a token would fetch again. Keys that jose has
 * cached stay valid.
 */
function createPausingFetch() {
  let failedAt = Number.NEGATIVE_INFINITY;
  return async (url: string, options: RequestInit): Promise<Response> => {
    if (Date.now() < failedAt + failurePauseMilliseconds)
      throw new Error("The last fetch of the keys has failed a moment ago");
    try {
      const response = await fetch(url, options);
      if (response.status !== 200) throw new Error(`The provider responded ${response.status}`);
      const keySet: JSONWebKeySet = await limitBody(response).json();
      // Throws for a document that is no key set.
      createLocalJWKSet(keySet);
      return Response.json(keySet);
    } catch (error) {
      failedAt = Date.now();
      throw error;
    }
  };
}

/** Returns a response whose body fails after {@link maxKeySetBytes}. */
function limitBody(response: Response): Response {
  let bytes = 0;
  const limiter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > maxKeySetBytes)
        controller.error(new Error(`The key set has more than ${maxKeySetBytes} bytes`));
      else controller.enqueue(chunk);
    },
  });
  return new Response(response.body?.pipeThrough(limiter) ?? null, response);
}

/** An identity provider and the address of its key set. */
export interface KeyProvider {
  readonly jwksUrl: string;
  readonly issuer: string;
}

/**
 * Verifies a token with the provider's keys, and returns its claims. If several keys fit the token's header, because they have the
 * same key id or the token has none, it tries up to {@link maxTriedKeys} of them. `options.algorithms` also limits the keys: jose
 * uses only a key whose type fits the algorithm (SE-15).
 *
 * @throws an error of jose for an invalid token: see {@link isTokenError}. Any other error is about the keys
 */
export async function verifyWithProviderKeys(
  { jwksUrl, issuer }: KeyProvider,
  token: string,
  options: JWTVerifyOptions,
  log: LogFunction,
): Promise<JWTPayload> {
  const keys = getProviderKeys(jwksUrl);
  try {
    return (await jwtVerify(token, keys.find, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    if (Date.now() >= keys.warnedAt + warningPauseMilliseconds) {
      keys.warnedAt = Date.now();
      log("warn", "identity_provider.several_keys_fit", { issuer, max_tried_keys: maxTriedKeys });
    }
    return verifyWithEachKey(token, error, options);
  }
}

/** @throws if no key verifies the signature: the error of a key that can't be used, or else JWSSignatureVerificationFailed */
async function verifyWithEachKey(
  token: string,
  keys: AsyncIterable<CryptoKey>,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  let keyError: unknown;
  let tried = 0;
  for await (const key of keys) {
    tried += 1;
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      // The signature is valid, so the error is about the claims, and other keys need not be tried.
      if (isTokenError(error) && !(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
      if (!isTokenError(error)) keyError = error;
    }
    if (tried === maxTriedKeys) break;
  }
  throw keyError ?? new errors.JWSSignatureVerificationFailed();
}

/** True for an error in the token, false for an error in the provider's keys. */
export function isTokenError(error: unknown): boolean {
  return (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== "ERR_JOSE_GENERIC"
  );
}
