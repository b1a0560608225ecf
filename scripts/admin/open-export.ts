import { compactDecrypt, importJWK, type JWK } from "jose";

/** The export is incomplete, or the key cannot decrypt it. */
export class ExportBroken extends Error {
  override readonly name = "ExportBroken";
}

/** The totals of the whole export, from the header of its last part. */
export interface ExportTotals {
  readonly users: number;
  /** Accounts that are not in the export, because the server's `KEYRING` could not decrypt a field of them. */
  readonly unreadable: number;
}

const accepted = {
  keyManagementAlgorithms: ["RSA-OAEP-256", "ECDH-ES"],
  contentEncryptionAlgorithms: ["A256GCM"],
};

/**
 * Decrypts the response of `POST /v1/export`. Yields the lines for `POST /v1/import`, one part at a time, as text that is
 * empty or ends in a newline. Returns the totals.
 *
 * @param parts the lines of the file, without their newlines; empty lines are skipped
 * @param privateKey the private key of the public key that the export request contained
 * @throws ExportBroken when a part cannot be decrypted, is missing, or is out of order
 */
export async function* openExport(
  parts: AsyncIterable<string> | Iterable<string>,
  privateKey: JWK,
): AsyncGenerator<string, ExportTotals, undefined> {
  const key = await importJWK(privateKey, privateKey.kty === "RSA" ? "RSA-OAEP-256" : "ECDH-ES");
  let expected = 1;
  let totals: ExportTotals | null = null;
  for await (const jwe of parts) {
    if (jwe.trim() === "") continue;
    if (totals !== null) throw new ExportBroken("There is data after the last part");
    const { plaintext, protectedHeader: header } = await open(jwe.trim(), key, expected);
    if (header.typ !== "sallyport-export" || header.part !== expected)
      throw new ExportBroken(`Part ${expected} is missing or out of order`);
    if (header.last === true) totals = { users: Number(header.users), unreadable: Number(header.unreadable) };
    expected += 1;
    yield new TextDecoder().decode(plaintext);
  }
  if (totals === null) throw new ExportBroken("The last part is missing: the export is incomplete");
  return totals;
}

async function open(jwe: string, key: Awaited<ReturnType<typeof importJWK>>, part: number) {
  try {
    return await compactDecrypt(jwe, key, accepted);
  } catch (cause) {
    throw new ExportBroken(`Part ${part} cannot be decrypted with this key`, { cause });
  }
}
