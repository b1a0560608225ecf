import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { projectRoot } from "../start/wrangler.ts";
import { usageError } from "./failure.ts";
import type { Prompts } from "./prompts.ts";

/** The default address of `npm start`. */
export const localUrl = "http://127.0.0.1:8787";
const usualBasePath = "/api/auth";

/** A key, and its source for error messages. */
export interface FoundKey {
  readonly key: string;
  readonly source: string;
  readonly fromDevVars: boolean;
}

const isLoopback = (url: URL) => /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);

/**
 * Parses the address of a deployment. A host without a path gets the default base path.
 *
 * @returns the address without a trailing slash, to which `/v1/…` is added
 * @throws AdminError for an address to which the key must not be sent
 */
export function parseBaseUrl(text: string, source: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw usageError(`${source} must be a URL such as https://www.example.com/api/auth.`);
  if (url.username !== "" || url.password !== "")
    throw usageError(`${source} must not have a user name or password.`);
  if (url.search !== "" || url.hash !== "") throw usageError(`${source} must not have a query or fragment.`);
  if (url.protocol === "http:" && !isLoopback(url))
    throw usageError(`${source} must be https, because http would send the key unencrypted.`);
  url.pathname = url.pathname === "/" ? usualBasePath : url.pathname.replace(/\/+$/, "");
  return url;
}

const keyVariables = ["SALLYPORT_ADMIN_KEY", "ADMIN_KEY"];

/**
 * Finds the key in the environment, in `.dev.vars` for a deployment on this machine, or by a prompt.
 *
 * @throws AdminError when there is no key and no terminal for a prompt
 */
export async function findKey(env: NodeJS.ProcessEnv, url: URL, prompts: Prompts): Promise<FoundKey> {
  for (const name of keyVariables) {
    const key = env[name];
    if (key) return checkKey(key, `${name} in the environment`);
  }
  const local = isLoopback(url) ? readDevVars("ADMIN_KEY") : undefined;
  if (local) return { ...checkKey(local, "ADMIN_KEY in .dev.vars"), fromDevVars: true };
  if (!prompts.canAsk) {
    throw usageError(
      `No key for ${url.href}.`,
      "Set SALLYPORT_ADMIN_KEY in the environment to ADMIN_KEY or an API key.",
    );
  }
  return checkKey(await prompts.secret(`Admin key for ${url.host}`), "the prompt");
}

const exportKeyVariables = ["SALLYPORT_EXPORT_KEY", "EXPORT_KEY"];

/**
 * Finds `EXPORT_KEY` without a prompt: in the environment, or in `.dev.vars` if the key came from there. Otherwise the file may
 * belong to another deployment.
 */
export function findExportKey(env: NodeJS.ProcessEnv, { fromDevVars }: FoundKey): FoundKey | null {
  for (const name of exportKeyVariables) {
    const key = env[name];
    if (key) return checkKey(key, `${name} in the environment`);
  }
  const local = fromDevVars ? readDevVars("EXPORT_KEY") : undefined;
  return local ? { ...checkKey(local, "EXPORT_KEY in .dev.vars"), fromDevVars } : null;
}

/** Prompts for `EXPORT_KEY`. */
export const askForExportKey = async (url: URL, prompts: Prompts): Promise<FoundKey> =>
  checkKey(await prompts.secret(`Export key for ${url.host}`), "the prompt");

function checkKey(key: string, source: string): FoundKey {
  if (/^[\x21-\x7e]+$/.test(key)) return { key, source, fromDevVars: false };
  throw usageError(
    `The key (${source}) has characters that are not allowed in a key, such as a space or a line break.`,
  );
}

function readDevVars(name: string): string | undefined {
  try {
    return parseEnv(readFileSync(join(projectRoot, ".dev.vars"), "utf8"))[name];
  } catch {
    return undefined;
  }
}
