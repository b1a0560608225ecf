import { env } from "cloudflare:workers";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK } from "jose";
import { openExport } from "../../scripts/admin/open-export.ts";
import type { Bindings } from "../../src/runtime.ts";
import { type Answer, base, environment, host, send } from "./worker.ts";

/** RFC 6238 appendix B: twenty ASCII bytes. */
export const rfcSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

export interface ImportOptions {
  readonly realm?: string;
  /** `ADMIN_KEY` by default. */
  readonly token?: string;
  readonly query?: string;
  readonly headers?: Record<string, string>;
  readonly bindings?: Bindings;
}

/** The text of a file with a user on each line. */
export const fileOf = (...users: readonly object[]): string =>
  users.map((user) => `${JSON.stringify(user)}\n`).join("");

/** Sends lines to the import. Text is sent with its length, a stream without. */
export async function importFile(
  file: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
  { realm, token = env.ADMIN_KEY, query = "", headers = {}, bindings }: ImportOptions = {},
): Promise<Answer> {
  const search = new URLSearchParams(query);
  if (realm !== undefined) search.set("realm", realm);
  const body = typeof file === "string" ? new TextEncoder().encode(file) : file;
  const length: Record<string, string> =
    body instanceof Uint8Array ? { "Content-Length": String(body.length) } : {};
  const request = new Request(`${host}${base}/v1/import?${search}`, {
    method: "POST",
    headers: {
      "Content-Type": "application/x-ndjson",
      Authorization: `Bearer ${token}`,
      ...length,
      ...headers,
    },
    body,
  });
  const response = await send(request, bindings ?? environment());
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text) };
}

/** A key pair of the operator. The Worker gets the public key only. */
export interface OperatorKey {
  readonly publicJwk: JWK;
  readonly privateJwk: JWK;
}

/** Generates a key of one of the kinds that an export can be encrypted to. */
export async function generateOperatorKey(
  kind: "RSA" | "P-256" | "X25519" = "X25519",
  modulusLength = 2048,
): Promise<OperatorKey> {
  const { publicKey, privateKey } =
    kind === "RSA"
      ? await generateKeyPair("RSA-OAEP-256", { modulusLength, extractable: true })
      : await generateKeyPair("ECDH-ES", { crv: kind, extractable: true });
  const toJwk = (key: CryptoKey) => exportJWK(key);
  return { publicJwk: await toJwk(publicKey), privateJwk: await toJwk(privateKey) };
}

/** The header with `EXPORT_KEY`. */
export const withExportKey: Readonly<Record<string, string>> = { "X-Sallyport-Export-Key": env.EXPORT_KEY };

/** Requests an export, with `EXPORT_KEY` unless other headers are given. The body is not read. */
export function requestExport(
  recipient: unknown,
  { realm, token = env.ADMIN_KEY, headers = withExportKey, bindings }: ImportOptions = {},
): Promise<Response> {
  const search = realm === undefined ? "" : `?realm=${realm}`;
  const request = new Request(`${host}${base}/v1/export${search}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}`, ...headers },
    body: JSON.stringify({ recipient }),
  });
  return send(request, bindings ?? environment());
}

/** A decrypted export. */
export interface OpenedExport {
  /** The encrypted text. */
  readonly sealed: string;
  /** The decrypted lines, as an import accepts them. */
  readonly file: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into lines of every shape
  readonly users: any[];
  readonly totals: { readonly users: number; readonly unreadable: number };
}

/** Exports and decrypts all users of a realm. */
export async function exportAll(options: ImportOptions = {}, operator?: OperatorKey): Promise<OpenedExport> {
  const key = operator ?? (await generateOperatorKey());
  const response = await requestExport(key.publicJwk, options);
  const sealed = await response.text();
  if (response.status !== 200) throw new Error(`POST /v1/export: ${response.status} ${sealed}`);
  const parts = openExport(sealed.split("\n"), key.privateJwk);
  let file = "";
  for (;;) {
    const { done, value } = await parts.next();
    if (done === true) {
      const users = file
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
      return { sealed, file, users, totals: value };
    }
    file += value;
  }
}
