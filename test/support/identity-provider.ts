import { CompactSign, type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload } from "jose";
import type { Site } from "./origin-site.ts";

/** A key pair of an identity provider, or of an attacker. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

export async function generateKey(kid: string, alg = "RS256"): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
}

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

export const seconds = () => Math.floor(Date.now() / 1000);

/** Signs any claims, valid or not. */
export function signWith(
  { privateKey, kid, alg }: SigningKey,
  payload: unknown,
  header: Record<string, unknown> = {},
): Promise<string> {
  return new CompactSign(encode(payload)).setProtectedHeader({ alg, kid, ...header }).sign(privateKey);
}

/** Issues tokens, and publishes its keys. Each provider has its own URL, because the Worker caches keys by URL. */
export class IdentityProvider {
  readonly keysUrl = `https://${crypto.randomUUID()}.idp.test/keys`;
  readonly issuer = "https://team.idp.test";
  readonly audience = "site-audience";
  /** The number of requests for its keys. */
  fetches = 0;
  keys: SigningKey[];
  publish: (request: Request) => Response | Promise<Response> = () =>
    Response.json({ keys: this.keys.map(({ jwk }) => jwk) });

  constructor(...keys: [SigningKey, ...SigningKey[]]) {
    this.keys = keys;
  }

  /** The variables of a Worker that trusts this provider. */
  get variables() {
    return {
      FIRST_FACTOR: "jwt",
      JWT_JWKS_URL: this.keysUrl,
      JWT_ISSUER: this.issuer,
      JWT_AUDIENCE: this.audience,
    };
  }

  claims(more: JWTPayload = {}): JWTPayload {
    const iat = seconds();
    const { issuer: iss, audience: aud } = this;
    return { iss, aud, sub: "ada", email: "ada@idp.test", iat, nbf: iat, exp: iat + 300, ...more };
  }

  /** A token of a user who has signed in. */
  token(more: JWTPayload = {}): Promise<string> {
    const [key] = this.keys;
    if (key === undefined) throw new Error("There is no key to sign with");
    return signWith(key, this.claims(more));
  }

  /** A mock of `fetch` for both: the provider serves its keys, and the site everything else. */
  beside({ fetch }: Pick<Site, "fetch">): typeof globalThis.fetch {
    return (async (input: RequestInfo | URL, init?: RequestInit) => {
      const request = new Request(input as RequestInfo, init);
      if (request.url !== this.keysUrl) return fetch(request);
      this.fetches += 1;
      return this.publish(request);
    }) as typeof globalThis.fetch;
  }
}
