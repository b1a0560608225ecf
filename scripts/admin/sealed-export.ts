import { createPrivateKey, createPublicKey } from "node:crypto";
import { decodeProtectedHeader, importJWK, type JWK } from "jose";
import { splitLines } from "../../src/core/parsing/lines.ts";
import { AdminError, exitCodes, usageError } from "./failure.ts";
import { readText } from "./files.ts";
import { ExportBroken, openExport } from "./open-export.ts";

/*
 * An export is lines of compact JWEs. Their protected headers count the parts and mark the last one, so that a file that
 * was cut off is known without a key.
 */

/** A part has some hundred accounts. */
const longestPartBytes = 64 * 1024 * 1024;

/** What the header of a part says to everybody. */
export interface Part {
  readonly jwe: string;
  readonly number: number;
  /** Of the key that it is for, if the key has one. */
  readonly kid: string | null;
  /** Of the last part: what the whole export has. */
  readonly total: { readonly users: number; readonly unreadable: number } | null;
}

const broken = (detail: string) => new AdminError(exitCodes.refused, detail);

/**
 * Reads the parts of an export.
 *
 * @throws AdminError when one is missing, or it is no export
 */
export async function* readParts(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Part, void, undefined> {
  const decoder = new TextDecoder();
  let before = 0;
  let ended = false;
  for await (const line of splitLines(chunks, longestPartBytes)) {
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
    // It is refused below.
  }
  throw broken("The file is not an export of Sallyport.");
}

/** A private key, to open an export with. */
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

/** Reads a public key, as the service API takes it. What is private is refused, and goes nowhere. */
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

function parseKey(text: string, readPem: (pem: string) => JWK, pemForm = /-----BEGIN /): JWK | null {
  try {
    if (!text.trimStart().startsWith("-----BEGIN ")) return Object(JSON.parse(text)) as JWK;
    return pemForm.test(text) ? readPem(text) : { d: "" };
  } catch {
    return null;
  }
}

/** The lines of users in an export, in pieces. Throws AdminError when it is not whole, or for another key. */
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
