import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { base32 } from "@scure/base";
import { keepPrivate } from "./private-file.ts";
import { StartError } from "./settings.ts";

export type DemoAccount = { username: string; password: string };

/**
 * Returns the demo account. Creates it through the service API when the database has none. The file `path` stores the
 * password, so that the next start can print it again.
 */
export async function ensureDemoAccount(
  api: string,
  adminKey: string,
  path: string,
  warn: (text: string) => void,
): Promise<DemoAccount> {
  const known = readAccount(path);
  const opened = known ? keepPrivate(path) : null;
  if (opened !== null) warn(opened);
  const account = known ?? { username: "demo", password: readablePassword() };
  if (!known) {
    // Written before the account is created: a lost password would make the account useless.
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${JSON.stringify(account, null, 2)}\n`, { mode: 0o600 });
  }

  const response = await fetch(`${api}/v1/users`, {
    method: "POST",
    headers: { Authorization: `Bearer ${adminKey}`, "Content-Type": "application/json" },
    body: JSON.stringify({ ...account, email: "demo@example.com" }),
    signal: AbortSignal.timeout(30_000),
  });
  const answer = await response.text();
  if (response.status === 201 || (known && isConflict(response, answer))) return account;

  if (!known) rmSync(path);
  if (isConflict(response, answer)) {
    throw new StartError(
      `The demo account exists, but the file with its password, ${path}, is missing. ` +
        `To start again, delete ${dirname(path)}. This deletes all local accounts and sessions.`,
    );
  }
  throw new StartError(`The demo account could not be created: ${response.status} ${answer}`);
}

function isConflict(response: Response, answer: string): boolean {
  return response.status === 409 && answer.includes('"conflict"');
}

function readAccount(path: string): DemoAccount | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const { username, password } = parseJson(text);
  if (typeof username === "string" && typeof password === "string") return { username, password };
  throw new StartError(`${path} does not have the demo account. To start again, delete ${dirname(path)}.`);
}

function parseJson(text: string): Partial<Record<keyof DemoAccount, unknown>> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** Generates a password of 80 random bits in four groups, which is easy to type: `k7qm-2fzx-…`. */
function readablePassword(): string {
  const characters = base32.encode(randomBytes(10)).toLowerCase();
  return characters.match(/.{4}/g)?.join("-") ?? characters;
}
