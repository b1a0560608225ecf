import { base32nopad } from "@scure/base";
import vectors from "../../../test/vectors/rfc6238-appendix-b.json";
import { clockSeconds, keyUris, secretOf } from "../inputs.ts";
import { qrLibraries } from "./qr-libraries.ts";
import { type Secret, totpLibraries } from "./totp-libraries.ts";

/**
 * Runs an operation `times` times before it responds. The caller measures the time, because a Worker's clock does not advance.
 *
 * - `/totp/{library}/{generate|middle|oldest|wrong}/{base32|bytes}?times=`
 * - `/hmac/{import|sign|verify}?times=`: WebCrypto alone
 * - `/qr/{library}?times=`
 * - `/codes/{library}` and `/svg/{library}`: return the results, which are checked before the measurement
 */
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const [, kind = "", name = "", operation = "", form = ""] = pathname.split("/");
    const times = Number(searchParams.get("times"));
    setClock(clockSeconds);
    if (kind === "codes") return Response.json(await codesOf(name));
    if (kind === "svg") return Response.json(await Promise.all(keyUris.map(get(qrLibraries, name))));
    if (kind === "qr") await renderRepeatedly(get(qrLibraries, name), times);
    else if (kind === "hmac") await repeat(get(hmac, name), times);
    else await repeat(await totpOperation(name, operation, form), times);
    return new Response(null);
  },
} satisfies ExportedHandler;

/** Replaces `Date.now`, which the libraries read. */
function setClock(seconds: number): void {
  Date.now = () => seconds * 1000;
}

function get<T>(table: Readonly<Record<string, T>>, name: string): T {
  const entry = table[name];
  if (entry === undefined) throw new Error(`There is no ${name}`);
  return entry;
}

async function repeat(operation: () => unknown, times: number): Promise<void> {
  for (let done = 0; done < times; done += 1) {
    const answer = operation();
    // A synchronous operation must not wait for the event loop.
    if (answer instanceof Promise) await answer;
  }
}

async function renderRepeatedly(draw: (text: string) => unknown, times: number): Promise<void> {
  let next = 0;
  await repeat(() => {
    next = (next + 1) % keyUris.length;
    return draw(keyUris[next] ?? "");
  }, times);
}

const bytes = new Uint8Array(secretOf("ada"));
const secrets: Readonly<Record<string, Secret>> = { bytes, base32: base32nopad.encode(bytes) };

/** Returns an operation that throws when its result is wrong. */
async function totpOperation(name: string, operation: string, form: string): Promise<() => unknown> {
  const library = get(totpLibraries, name);
  const secret = get(secrets, form);
  if (operation === "generate") return () => library.generate(secret, 6);
  const { code, right } = await codeFor(operation);
  const check = (answer: boolean) => {
    if (answer !== right)
      throw new Error(`${name} takes a right code for a wrong one, or a wrong one for right`);
  };
  return () => {
    const answer = library.verify(secret, code);
    return answer instanceof Promise ? answer.then(check) : check(answer);
  };
}

async function codeFor(operation: string): Promise<{ code: string; right: boolean }> {
  const at = async (seconds: number) => {
    setClock(seconds);
    const code = await get(totpLibraries, "sallyport").generate(bytes, 6);
    setClock(clockSeconds);
    return code;
  };
  if (operation === "middle") return { code: await at(clockSeconds), right: true };
  if (operation === "oldest") return { code: await at(clockSeconds - 30), right: true };
  // The code of an hour ago is wrong for every nearby time step.
  return { code: await at(clockSeconds - 3600), right: false };
}

/** Computes the codes of RFC 6238 appendix B with a library. */
async function codesOf(name: string): Promise<string[]> {
  const secret = new TextEncoder().encode(vectors.secret).slice();
  const codes: string[] = [];
  for (const { unixSeconds } of vectors.rows) {
    setClock(unixSeconds);
    codes.push(await get(totpLibraries, name).generate(secret, 8));
  }
  return codes;
}

const algorithm = { name: "HMAC", hash: "SHA-1" };
const counter = new Uint8Array(8);
const importKey = () => crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]);
let importedKey: CryptoKey | null = null;

const hmac: Readonly<Record<string, () => Promise<unknown>>> = {
  import: importKey,
  sign: async () => {
    importedKey ??= await importKey();
    return crypto.subtle.sign("HMAC", importedKey, counter);
  },
  "import-sign": async () => crypto.subtle.sign("HMAC", await importKey(), counter),
  "import-sign-3": async () => {
    const key = await importKey();
    const sign = () => crypto.subtle.sign("HMAC", key, counter);
    return Promise.all([sign(), sign(), sign()]);
  },
};
