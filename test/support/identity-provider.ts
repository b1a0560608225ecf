import { CompactSign, type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload } from "jose";
import type { Site } from "./origin-site.ts";

/** A key pair of a provider, or of somebody who would like to be one. */
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

/** Signs whatever it is told to, whether it makes sense or not. */
export function signWith(
  { privateKey, kid, alg }: SigningKey,
  payload: unknown,
  header: Record<string, unknown> = {},
): Promise<string> {
  return new CompactSign(encode(payload)).setProtectedHeader({ alg, kid, ...header }).sign(privateKey);
}

/** Signs in people, and publishes its keys. Every one has an address of its own: the Worker keeps keys by address. */
export class IdentityProvider {
  readonly keysUrl = `https://${crypto.randomUUID()}.idp.test/keys`;
  readonly issuer = "https://team.idp.test";
  readonly audience = "site-audience";
  /** How often its keys were fetched. */
  fetches = 0;
  keys: SigningKey[];
  publish: (request: Request) => Response | Promise<Response> = () =>
    Response.json({ keys: this.keys.map(({ jwk }) => jwk) });

  constructor(...keys: [SigningKey, ...SigningKey[]]) {
    this.keys = keys;
  }

  /** The variables of a Worker that believes it. */
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

  /** A token as it gives it to somebody who has signed in. */
  token(more: JWTPayload = {}): Promise<string> {
    const [key] = this.keys;
    if (key === undefined) throw new Error("There is no key to sign with");
    return signWith(key, this.claims(more));
  }

  /** Stands beside a site: keys are fetched here, and everything else there. */
  beside({ fetch }: Pick<Site, "fetch">): typeof globalThis.fetch {
    return (async (input: RequestInfo | URL, init?: RequestInit) => {
      const request = new Request(input as RequestInfo, init);
      if (request.url !== this.keysUrl) return fetch(request);
      this.fetches += 1;
      return this.publish(request);
    }) as typeof globalThis.fetch;
  }
}
