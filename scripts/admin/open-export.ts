import { compactDecrypt, importJWK, type JWK } from "jose";

/** An export that is not whole, or not for this key. */
export class ExportBroken extends Error {
  override readonly name = "ExportBroken";
}

/** What the last part of an export says of all of them. */
export interface ExportTotals {
  readonly users: number;
  /** Left out, because something of them could not be opened with the `KEYRING` of then. */
  readonly unreadable: number;
}

const accepted = {
  keyManagementAlgorithms: ["RSA-OAEP-256", "ECDH-ES"],
  contentEncryptionAlgorithms: ["A256GCM"],
};

/**
 * Opens what `POST /v1/export` has sent: yields lines for `POST /v1/import`, as text that ends in a newline (or is
 * empty), one part at a time, and returns the totals.
 *
 * @param parts the lines of the file, without their newlines; empty ones are passed over
 * @param privateKey the private half of the key that the export was asked for with
 * @throws ExportBroken when a part does not open, is missing, or is not where it belongs
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
