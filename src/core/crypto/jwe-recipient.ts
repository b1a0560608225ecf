import { CompactEncrypt, importJWK, type JWK } from "jose";

/** A public key as a JWK (RFC 7517), before it is checked. */
export interface RecipientJwk {
  readonly kty: "RSA" | "EC" | "OKP";
  readonly kid?: string | undefined;
  readonly [member: string]: unknown;
}

/** The checked public key of a recipient, for {@link encryptToJwe}. */
export interface RecipientPublicKey {
  readonly key: CryptoKey;
  readonly alg: "RSA-OAEP-256" | "ECDH-ES";
  readonly kid: string | undefined;
}

/** NIST SP 800-131A disallows shorter RSA keys. */
const minModulusBits = 2048;
/** A longer key costs more CPU time and protects no better here. */
const maxModulusBits = 8192;

/**
 * Imports a public RSA, P-256 or X25519 key. Null: it is no such key, cannot be used for encryption, or is an RSA key of less
 * than 2048 or more than 8192 bits.
 */
export async function parseRecipientPublicKey(jwk: RecipientJwk): Promise<RecipientPublicKey | null> {
  const alg = jwk.kty === "RSA" ? "RSA-OAEP-256" : "ECDH-ES";
  try {
    const { kty, n, e, crv, x, y, kid } = jwk as JWK;
    // Only the members that make up the key are imported: `use` or `key_ops` could make the import fail.
    const members = Object.entries({ kty, n, e, crv, x, y }).filter(([, value]) => value !== undefined);
    const key = await importJWK(Object.fromEntries(members) as JWK, alg);
    if (!(key instanceof CryptoKey) || key.type !== "public") return null;
    const { modulusLength } = key.algorithm as { modulusLength?: number };
    const fits =
      modulusLength === undefined || (modulusLength >= minModulusBits && modulusLength <= maxModulusBits);
    const recipient = { key, alg, kid } as const;
    // Some invalid curve points can be imported, and fail only when they are used.
    return fits && (await encryptToJwe(recipient, "", {})) !== "" ? recipient : null;
  } catch {
    return null;
  }
}

/**
 * Encrypts a text to the recipient's public key (JWE, RFC 7516, compact form, A256GCM under a new content key). Sallyport
 * cannot decrypt the result.
 *
 * @param header further members of the protected header, which is not encrypted
 */
export function encryptToJwe(
  { key, alg, kid }: RecipientPublicKey,
  text: string,
  header: Readonly<Record<string, string | number | boolean>>,
): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(text))
    .setProtectedHeader({ alg, enc: "A256GCM", ...(kid === undefined ? {} : { kid }), ...header })
    .encrypt(key);
}
