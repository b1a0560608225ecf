import { randomBytes } from "node:crypto";
import { appendFileSync, linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { keepPrivate } from "./private-file.ts";
import { StartError } from "./settings.ts";

const generators = {
  KEYRING: () => `k1:${randomBytes(32).toString("base64")}`,
  ADMIN_KEY: () => randomBytes(32).toString("base64url"),
  EXPORT_KEY: () => randomBytes(32).toString("base64url"),
};

type SecretName = keyof typeof generators;
const adviceAfterOpen =
  "If another user may have read it, delete it and the state directory to get new secrets and a new database.";

export type LocalSecrets = Record<SecretName, string>;

export const secretNames = Object.keys(generators) as SecretName[];

/** The secrets of `.dev.vars`. */
export interface DevVars {
  readonly secrets: LocalSecrets;
  /** The secrets that this call generated. */
  readonly generated: readonly SecretName[];
  /** True when the file has a `PROXY_KEY`, which only the operator writes into it. */
  readonly hasProxyKey: boolean;
  /** Set when other users could read the file until now. */
  readonly warning: string | null;
}

/**
 * Creates the file, or adds missing secrets to it, and makes it readable for its owner only. Existing values are kept. Two copies
 * of the program that start at the same time create one file.
 *
 * @throws StartError when other users can read the file and its mode cannot be changed; then no secret is written
 */
export function ensureDevVars(path: string): DevVars {
  const existing = readIfThere(path) ?? createWhole(path);
  if (existing.created)
    return {
      secrets: parseSecrets(existing.text),
      generated: secretNames,
      hasProxyKey: false,
      warning: null,
    };

  const opened = keepPrivate(path);
  const warning = opened === null ? null : `${opened} ${adviceAfterOpen}`;
  const present = parseEnv(existing.text);
  const missing = secretNames.filter((name) => !present[name]);
  if (missing.length > 0) {
    const separator = existing.text === "" || existing.text.endsWith("\n") ? "" : "\n";
    appendFileSync(path, separator + missing.map(line).join(""));
  }
  const hasProxyKey = Boolean(present.PROXY_KEY);
  return { secrets: parseSecrets(readFileSync(path, "utf8")), generated: missing, hasProxyKey, warning };
}

function readIfThere(path: string): { text: string; created: boolean } | null {
  try {
    return { text: readFileSync(path, "utf8"), created: false };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Creates the file with all secrets at once. `link` fails if it exists; `rename` would replace the file of another copy. */
function createWhole(path: string): { text: string; created: boolean } {
  const draft = `${path}.${process.pid}`;
  const text = secretNames.map(line).join("");
  writeFileSync(draft, text, { mode: 0o600, flag: "wx" });
  try {
    linkSync(draft, path);
    return { text, created: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return { text: readFileSync(path, "utf8"), created: false };
  } finally {
    rmSync(draft);
  }
}

function line(name: SecretName): string {
  return `${name}="${generators[name]()}"\n`;
}

function parseSecrets(text: string): LocalSecrets {
  const values = parseEnv(text);
  const secrets = Object.fromEntries(secretNames.map((name) => [name, values[name] ?? ""])) as LocalSecrets;
  for (const name of secretNames) {
    if (secrets[name].includes("replace-me")) {
      throw new StartError(
        `.dev.vars has the placeholder for ${name} from .dev.vars.example. ` +
          "Replace it as the example says, or remove the line to generate a new value.",
      );
    }
  }
  return secrets;
}
