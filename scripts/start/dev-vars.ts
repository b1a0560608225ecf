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
  "If one of them may have done that, delete it and the state directory: new secrets and a new database are made.";

export type LocalSecrets = Record<SecretName, string>;

export const secretNames = Object.keys(generators) as SecretName[];

/** What became of the file. */
export interface DevVars {
  readonly secrets: LocalSecrets;
  /** The secrets that were made now. */
  readonly generated: readonly SecretName[];
  /** For the person at the keyboard: the file was open to others until now. */
  readonly warning: string | null;
}

/**
 * Makes sure that the file holds every secret the Worker needs, and that only its owner can read it. What is in the
 * file stays as it is. Two copies that start at the same moment in a fresh clone end with one file.
 *
 * @throws StartError when others can read it and that can't be changed: then no secret is written into it
 */
export function ensureDevVars(path: string): DevVars {
  const existing = readIfThere(path) ?? createWhole(path);
  if (existing.created)
    return { secrets: parseSecrets(existing.text), generated: secretNames, warning: null };

  const opened = keepPrivate(path);
  const warning = opened === null ? null : `${opened} ${adviceAfterOpen}`;
  const present = parseEnv(existing.text);
  const missing = secretNames.filter((name) => !present[name]);
  if (missing.length > 0) {
    const separator = existing.text === "" || existing.text.endsWith("\n") ? "" : "\n";
    appendFileSync(path, separator + missing.map(line).join(""));
  }
  return { secrets: parseSecrets(readFileSync(path, "utf8")), generated: missing, warning };
}

function readIfThere(path: string): { text: string; created: boolean } | null {
  try {
    return { text: readFileSync(path, "utf8"), created: false };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** `link` fails where the name is taken, and nobody sees a half-written file: rename would replace another copy's. */
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
        `.dev.vars still holds the placeholder for ${name} from .dev.vars.example. ` +
          "Put a real value there (the example says how), or remove the line and a new one is made.",
      );
    }
  }
  return secrets;
}
