import { createPrivateKey, createPublicKey } from "node:crypto";
import { decodeProtectedHeader, importJWK, type JWK } from "jose";
import { splitStreamIntoByteLines } from "../../src/core/parsing/lines.ts";
import { AdminError, exitCodes, usageError } from "./failure.ts";
import { readText } from "./files.ts";
import { ExportBroken, openExport } from "./open-export.ts";

/*
 * An export is lines of compact JWEs. Their protected headers number the parts and mark the last one, so that a truncated
 * file is detected without the private key.
 */

/** A part contains several hundred accounts. */
const maxPartBytes = 64 * 1024 * 1024;

/** The fields of a part's protected header, which is readable without the private key. */
export interface Part {
  readonly jwe: string;
  readonly number: number;
  /** The id of the recipient's key, if the key has one. */
  readonly kid: string | null;
  /** The totals of the whole export, in its last part only. */
  readonly total: { readonly users: number; readonly unreadable: number } | null;
}

const broken = (detail: string) => new AdminError(exitCodes.refused, detail);

/**
 * Yields the parts of an export.
 *
 * @throws AdminError when a part is missing, or the input is not an export
 */
export async function* readParts(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Part, void, undefined> {
  const decoder = new TextDecoder();
  let before = 0;
  let ended = false;
  for await (const line of splitStreamIntoByteLines(chunks, maxPartBytes)) {
    const jwe = line === null ? "" : decoder.decode(line).trim();
    if (jwe === "" && line !== null) continue;
    const header = readHeader(jwe);
    if (ended) throw broken(`There is data after the last part (part ${before}).`);
    if (header.part !== before + 1) throw broken(`Part ${before + 1} is missing.`);
    before += 1;
    ended = header.last === true;
    const total = { users: Number(header.users ?? 0), unreadable: Number(header.unreadable ?? 0) };
    const kid = header.kid === undefined ? null : String(header.kid);
    yield { jwe, number: before, kid, total: ended ? total : null };
  }
  if (!ended) throw broken(`The export is incomplete: it ends after part ${before}.`);
}

function readHeader(jwe: string): Record<string, unknown> {
  try {
    const header = decodeProtectedHeader(jwe);
    if (header.typ === "sallyport-export") return header;
  } catch {
    // Rejected below.
  }
  throw broken("The file is not an export of Sallyport.");
}

/** A private key that decrypts an export. */
export interface Identity {
  readonly path: string;
  readonly jwk: JWK;
}

/** Reads a private key: a JWK as `export keygen` writes it, or PEM. */
export async function readIdentity(path: string): Promise<Identity> {
  const jwk = parseKey(await readText(path), (pem) => createPrivateKey(pem).export({ format: "jwk" }));
  if (jwk?.d === undefined) throw usageError(`${path} is not a private key (JWK or PEM).`);
  await importJWK(jwk, jwk.kty === "RSA" ? "RSA-OAEP-256" : "ECDH-ES").catch(() => {
    throw usageError(`${path} is not a key that can decrypt an export.`);
  });
  return { path, jwk };
}

/** Reads a public key as a JWK for the service API. Rejects a private key, so that it is never sent. */
export async function readRecipient(path: string): Promise<JWK> {
  const jwk = parseKey(
    await readText(path),
    (pem) => createPublicKey(pem).export({ format: "jwk" }),
    /PUBLIC/,
  );
  if (jwk === null) throw usageError(`${path} is not a public key (JWK or PEM).`);
  if (["d", "p", "q", "k", "oth"].some((member) => member in jwk))
    throw usageError(`${path} holds a private key. Give the public key.`);
  return jwk;
}

function parseKey(text: string, readPem: (pem: string) => JWK, pemPattern = /-----BEGIN /): JWK | null {
  try {
    if (!text.trimStart().startsWith("-----BEGIN ")) return Object(JSON.parse(text)) as JWK;
    return pemPattern.test(text) ? readPem(text) : { d: "" };
  } catch {
    return null;
  }
}

/** Yields the user lines of an export in chunks. Throws AdminError when the export is incomplete or the key cannot decrypt it. */
export async function* openUsers(
  chunks: AsyncIterable<Uint8Array>,
  identity: Identity,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const lines of openExport(sealedParts(chunks, identity), identity.jwk))
      yield Buffer.from(lines);
  } catch (error) {
    if (error instanceof ExportBroken) throw broken(`${identity.path} cannot decrypt this export.`);
    throw error;
  }
}

async function* sealedParts(
  chunks: AsyncIterable<Uint8Array>,
  { path, jwk }: Identity,
): AsyncGenerator<string> {
  for await (const { jwe, kid } of readParts(chunks)) {
    if (kid !== null && jwk.kid !== undefined && kid !== jwk.kid)
      throw broken(`${path} cannot decrypt this export, which was encrypted to the key ${kid}.`);
    yield jwe;
  }
}
