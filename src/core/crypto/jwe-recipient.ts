import { CompactEncrypt, importJWK, type JWK } from "jose";

/** A public key that something is encrypted to (RFC 7517). */
export interface RecipientJwk {
  readonly kty: "RSA" | "EC" | "OKP";
  readonly kid?: string | undefined;
  readonly [member: string]: unknown;
}

/** Whom something is encrypted for. */
export interface Recipient {
  readonly key: CryptoKey;
  readonly alg: "RSA-OAEP-256" | "ECDH-ES";
  readonly kid: string | undefined;
}

/** NIST SP 800-131A: shorter ones are not to be used any more. */
const fewestModulusBits = 2048;
/** Longer ones only cost time. */
const mostModulusBits = 8192;

/** Reads a public RSA, P-256 or X25519 key. Null: it is none that can be used, or an RSA key of less than 2048 bits. */
export async function parseRecipient(jwk: RecipientJwk): Promise<Recipient | null> {
  const alg = jwk.kty === "RSA" ? "RSA-OAEP-256" : "ECDH-ES";
  try {
    const { kty, n, e, crv, x, y, kid } = jwk as JWK;
    // Only what makes the key: what else it says of itself must not get in the way of importing it.
    const members = Object.entries({ kty, n, e, crv, x, y }).filter(([, value]) => value !== undefined);
    const key = await importJWK(Object.fromEntries(members) as JWK, alg);
    if (!(key instanceof CryptoKey) || key.type !== "public") return null;
    const { modulusLength } = key.algorithm as { modulusLength?: number };
    const fits =
      modulusLength === undefined || (modulusLength >= fewestModulusBits && modulusLength <= mostModulusBits);
    const recipient = { key, alg, kid } as const;
    // There are points that can be imported and not be used.
    return fits && (await encryptFor(recipient, "", {})) !== "" ? recipient : null;
  } catch {
    return null;
  }
}

/**
 * Encrypts a text with A256GCM under a key of its own (RFC 7516, compact). Nobody but the recipient can read it, who
 * made it least of all.
 *
 * @param header further members of the protected header, which everybody can read
 */
export function encryptFor(
  { key, alg, kid }: Recipient,
  text: string,
  header: Readonly<Record<string, string | number | boolean>>,
): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(text))
    .setProtectedHeader({ alg, enc: "A256GCM", ...(kid === undefined ? {} : { kid }), ...header })
    .encrypt(key);
}
