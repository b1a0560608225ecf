import * as z from "zod/mini";
import { checkShape, loose } from "./json-document.ts";
import { parseInner } from "./keycloak-data.ts";

const secretShape = z.object({ value: z.string(), salt: loose.text() });
const dataShape = z.object({
  algorithm: z.string(),
  hashIterations: loose.count(),
  additionalParameters: z.optional(z.nullable(z.record(z.string(), z.array(z.string())))),
});

/** PBKDF2 of Keycloak by its name, and the name in PHC format. */
const pbkdf2Names: Readonly<Record<string, string>> = {
  pbkdf2: "pbkdf2-sha1",
  "pbkdf2-sha256": "pbkdf2-sha256",
  "pbkdf2-sha512": "pbkdf2-sha512",
};

/**
 * Converts a password credential of Keycloak into a hash in PHC format.
 *
 * @returns undefined for a hash of another form, such as that of an extension: the account then needs a new password
 */
export function readKeycloakPassword(
  secretData: string | null | undefined,
  credentialData: string | null | undefined,
): string | undefined {
  const secret = checkShape(secretShape, parseInner(secretData));
  const data = checkShape(dataShape, parseInner(credentialData));
  if ("wrong" in secret || "wrong" in data) return undefined;
  const { algorithm, hashIterations, additionalParameters: more } = data.value;
  const [salt, hash] = [secret.value.salt ?? "", secret.value.value].map((part) => part.replace(/=+$/, ""));
  const name = pbkdf2Names[algorithm];
  if (name !== undefined) return `$${name}$i=${hashIterations}$${salt}$${hash}`;
  if (algorithm !== "argon2" || more?.version?.[0] !== "1.3") return undefined;
  const [type, memory, lanes] = [more.type, more.memory, more.parallelism].map((values) => values?.[0]);
  return `$argon2${type}$v=19$m=${memory},t=${hashIterations},p=${lanes}$${salt}$${hash}`;
}
