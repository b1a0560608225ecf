import * as z from "zod/mini";
import { toBase32 } from "./base32-text.ts";
import {
  type AccountEntry,
  type Authenticator,
  type ImportEntry,
  orAbsent,
  parseDate,
  toAuthenticator,
  toUnsupported,
  unreadable,
  withAuthenticators,
} from "./entry.ts";
import { type FormatContext, isRecord, type JsonFormat } from "./format.ts";
import type { ImportFile } from "./import-file.ts";
import { checkShape, loose, readJson, requireShape } from "./json-document.ts";
import { parseInner } from "./keycloak-data.ts";
import { readKeycloakPassword } from "./keycloak-password.ts";

/**
 * A realm export of Keycloak with its users, or one of its `*-users-*.json` files, as `kc.sh export --users …` writes them. The admin
 * console exports no users.
 */
export const keycloak: JsonFormat = {
  name: "keycloak",
  title: "a Keycloak realm export with users",
  matches: (document) =>
    isRecord(document) && typeof document.realm === "string" && !Object.hasOwn(document, "items"),
  read: readExport,
};

const user = z.object({
  id: loose.text(),
  username: z.string(),
  email: loose.text(),
  enabled: loose.flag(),
  totp: loose.flag(),
  createdTimestamp: loose.count(),
  serviceAccountClientId: loose.text(),
  credentials: z.optional(z.nullable(z.array(z.unknown()))),
});
const credential = z.object({ type: z.string(), secretData: loose.text(), credentialData: loose.text() });
/** Any other type can be a second factor, such as a text message of an extension, or recovery codes. */
const knownTypes: ReadonlySet<string> = new Set(["password", "password-history", "otp", "totp", "hotp"]);
const otpData = z.object({
  subType: loose.text(),
  algorithm: loose.text(),
  digits: loose.count(),
  period: loose.count(),
  secretEncoding: loose.text(),
});

async function* readExport(file: ImportFile, context: FormatContext): AsyncGenerator<ImportEntry> {
  const shape = z.object({ users: z.array(z.unknown()) });
  const { users } = requireShape(shape, await readJson(file), keycloak.title);
  for (const [index, value] of users.entries()) yield* readUser(`users[${index}]`, value, context);
}

function* readUser(place: string, value: unknown, context: FormatContext): Generator<ImportEntry> {
  const checked = checkShape(user, value);
  if ("wrong" in checked) return yield unreadable(place, `${checked.wrong} is missing or has another form.`);
  const { username, credentials, serviceAccountClientId } = checked.value;
  if (orAbsent(serviceAccountClientId) !== undefined) return yield { kind: "irrelevant", place };
  const createdAt = parseDate(checked.value.createdTimestamp) ?? undefined;
  const shared: Omit<AccountEntry, "authenticator"> = {
    kind: "account",
    place,
    username,
    email: orAbsent(checked.value.email),
    id: orAbsent(checked.value.id),
    createdAt,
    disabled: checked.value.enabled === false ? { since: createdAt ?? null } : undefined,
  };
  const found: Authenticator[] = [];
  let passwordHash: string | undefined;
  let [hasSecurityKey, hasOther] = [false, false];
  for (const [index, each] of (credentials ?? []).entries()) {
    const parsed = checkShape(credential, each);
    const wrong = unreadable(`${place}.credentials[${index}]`, "The credential has another form.", username);
    if ("wrong" in parsed) return yield wrong;
    const { type, secretData, credentialData } = parsed.value;
    if (type === "password") {
      passwordHash = readKeycloakPassword(secretData, credentialData);
      if (passwordHash === undefined)
        context.note("Password hashes of an unknown form are left out: these users need a new password.");
    }
    if (type.startsWith("webauthn")) hasSecurityKey = true;
    else if (!knownTypes.has(type)) hasOther = true;
    // The type `totp` is that of exports before Keycloak 8, with other members.
    if (type !== "otp" && type !== "totp" && type !== "hotp") continue;
    const authenticator = readOtp(secretData, credentialData);
    if (authenticator === null) return yield wrong;
    found.push(authenticator);
  }
  if (found.length === 0 && hasSecurityKey) found.push(toUnsupported("has a security key (WebAuthn)"));
  if (found.length === 0 && hasOther)
    found.push(toUnsupported("has a credential other than a password and TOTP"));
  if (found.length === 0 && checked.value.totp === true)
    found.push(toUnsupported("has an authenticator whose secret is not in the file"));
  yield* withAuthenticators({ ...shared, passwordHash }, found);
}

/** @returns null when the data has another form */
function readOtp(secretData: string | null | undefined, credentialData: string | null | undefined) {
  const secret = checkShape(z.object({ value: z.string() }), parseInner(secretData));
  const data = checkShape(otpData, parseInner(credentialData));
  if ("wrong" in secret || "wrong" in data) return null;
  const { subType, algorithm, digits, period, secretEncoding } = data.value;
  // Keycloak computes the codes with the bytes of the text itself, unless the credential says that it is base32.
  const base32 =
    secretEncoding?.toUpperCase() === "BASE32"
      ? secret.value.value
      : toBase32(Buffer.from(secret.value.value, "utf8"));
  return toAuthenticator(subType ?? "totp", { secret: base32, algorithm, digits, period });
}
