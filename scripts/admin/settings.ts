import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { projectRoot } from "../start/wrangler.ts";
import { usageError } from "./failure.ts";
import type { Prompts } from "./prompts.ts";

/** Where `npm start` answers. */
export const localUrl = "http://127.0.0.1:8787";
const usualBasePath = "/api/auth";

/** A key, and where it was found, to be named when the key is not accepted. */
export interface FoundKey {
  readonly key: string;
  readonly source: string;
  readonly fromDevVars: boolean;
}

const isLoopback = (url: URL) => /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);

/**
 * Parses the address of a deployment. A bare host gets the usual base path.
 *
 * @returns the address without a slash at its end, to which `/v1/…` is added
 * @throws AdminError for what a key must not be sent to
 */
export function parseBaseUrl(text: string, source: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw usageError(`${source} must be an address such as https://www.example.com/api/auth.`);
  if (url.username !== "" || url.password !== "")
    throw usageError(`${source} must not hold a user name or password.`);
  if (url.search !== "" || url.hash !== "") throw usageError(`${source} must end with the path.`);
  if (url.protocol === "http:" && !isLoopback(url))
    throw usageError(`${source} must be https, or everybody on the way could read the key.`);
  url.pathname = url.pathname === "/" ? usualBasePath : url.pathname.replace(/\/+$/, "");
  return url;
}

const keyVariables = ["SALLYPORT_ADMIN_KEY", "ADMIN_KEY"];

/**
 * Finds the key: in the environment; on this machine where `npm start` keeps it; or a prompt asks for it.
 *
 * @throws AdminError when there is none and nobody to ask
 */
export async function findKey(env: NodeJS.ProcessEnv, url: URL, prompts: Prompts): Promise<FoundKey> {
  for (const name of keyVariables) {
    const key = env[name];
    if (key) return checkKey(key, `${name} of the environment`);
  }
  const local = isLoopback(url) ? readDevVars("ADMIN_KEY") : undefined;
  if (local) return { ...checkKey(local, "ADMIN_KEY of .dev.vars"), fromDevVars: true };
  if (!prompts.canAsk) {
    throw usageError(
      `There is no key for ${url.href}.`,
      "Put ADMIN_KEY or an API key into SALLYPORT_ADMIN_KEY of the environment.",
    );
  }
  return checkKey(await prompts.secret(`Admin key of ${url.host}`), "the prompt");
}

const exportKeyVariables = ["SALLYPORT_EXPORT_KEY", "EXPORT_KEY"];

/**
 * Finds `EXPORT_KEY` without asking for it: in the environment, or beside the key in the file of `npm start`. Where the
 * key came from elsewhere, the file belongs to another deployment.
 */
export function findExportKey(env: NodeJS.ProcessEnv, { fromDevVars }: FoundKey): FoundKey | null {
  for (const name of exportKeyVariables) {
    const key = env[name];
    if (key) return checkKey(key, `${name} of the environment`);
  }
  const local = fromDevVars ? readDevVars("EXPORT_KEY") : undefined;
  return local ? { ...checkKey(local, "EXPORT_KEY of .dev.vars"), fromDevVars } : null;
}

/** Asks for `EXPORT_KEY` at the terminal. */
export const askForExportKey = async (url: URL, prompts: Prompts): Promise<FoundKey> =>
  checkKey(await prompts.secret(`Export key of ${url.host}`), "the prompt");

function checkKey(key: string, source: string): FoundKey {
  if (/^[\x21-\x7e]+$/.test(key)) return { key, source, fromDevVars: false };
  throw usageError(`The key (${source}) holds characters that no key has, such as a space or a line break.`);
}

function readDevVars(name: string): string | undefined {
  try {
    return parseEnv(readFileSync(join(projectRoot, ".dev.vars"), "utf8"))[name];
  } catch {
    return undefined;
  }
}
