import * as z from "zod/mini";
import {
  type AccountEntry,
  type ImportEntry,
  orAbsent,
  parseDate,
  toAuthenticator,
  toUnsupported,
  unreadable,
  withAuthenticators,
} from "./entry.ts";
import { type FormatContext, hasMembers, type ImportFormat } from "./format.ts";
import type { ImportFile } from "./import-file.ts";
import { checkShape, loose, readJson, requireShape } from "./json-document.ts";
import { isUnreadSecret, unreadSecretDetail } from "./unread-secret.ts";

/**
 * Lines or a list of JSON of Auth0: the export job of its Management API, the password hashes that its support sends, or the form of its bulk
 * import with `mfa_factors`. Only the last one has TOTP secrets.
 */
export const auth0: ImportFormat = { name: "auth0", title: "an Auth0 export", read: readUsers };

/** True for the object of a line of Auth0. */
export const isAuth0User = (value: unknown): boolean =>
  hasMembers(value, "user_id", "email") ||
  hasMembers(value, "Id", "Email") ||
  hasMembers(value, "_id", "passwordHash") ||
  hasMembers(value, "mfa_factors");

const user = z.object({
  _id: z.optional(z.union([z.string(), z.object({ $oid: z.string() })])),
  user_id: loose.text(),
  Id: loose.text(),
  username: loose.text(),
  Username: loose.text(),
  email: loose.text(),
  Email: loose.text(),
  blocked: loose.flag(),
  created_at: loose.text(),
  passwordHash: loose.text(),
  password_hash: loose.text(),
  mfa_factors: z.optional(
    z.nullable(z.array(z.object({ totp: z.optional(z.object({ secret: z.string() })) }))),
  ),
});

async function* readUsers(file: ImportFile, context: FormatContext): AsyncGenerator<ImportEntry> {
  let hasFactors = false;
  for await (const entry of file.headText.startsWith("[") ? readList(file) : readLines(file)) {
    hasFactors ||= entry.kind === "account" && entry.authenticator !== null;
    yield entry;
  }
  if (!hasFactors)
    context.note(
      "This Auth0 file has no TOTP secrets: every user has to enrol again. Auth0's support sends the secrets on request.",
    );
}

/** The form of the bulk import is one array. */
async function* readList(file: ImportFile): AsyncGenerator<ImportEntry> {
  const users = requireShape(z.array(z.unknown()), await readJson(file), auth0.title);
  for (const [index, value] of users.entries()) yield* readUser(`entry ${index + 1}`, value);
}

async function* readLines(file: ImportFile): AsyncGenerator<ImportEntry> {
  for await (const { number, text } of file.lines()) {
    const place = `line ${number}`;
    if (text === null) yield unreadable(place, "The line is longer than 64 KiB.");
    else if (text.trim() !== "") yield* readLine(place, text);
  }
}

function* readLine(place: string, text: string): Generator<ImportEntry> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return yield unreadable(place, "The line is no valid JSON.");
  }
  yield* readUser(place, value);
}

function* readUser(place: string, value: unknown): Generator<ImportEntry> {
  const checked = checkShape(user, value);
  if ("wrong" in checked) return yield unreadable(place, `${checked.wrong} has another form.`);
  const fields = checked.value;
  const createdAt = parseDate(fields.created_at) ?? undefined;
  const rowId = typeof fields._id === "object" ? fields._id.$oid : fields._id;
  const shared: Omit<AccountEntry, "authenticator"> = {
    kind: "account",
    place,
    id: orAbsent(fields.user_id) ?? orAbsent(fields.Id) ?? orAbsent(rowId),
    username: orAbsent(fields.username) ?? orAbsent(fields.Username),
    email: orAbsent(fields.email) ?? orAbsent(fields.Email),
    passwordHash: orAbsent(fields.passwordHash) ?? orAbsent(fields.password_hash),
    createdAt,
    disabled: fields.blocked === true ? { since: createdAt ?? null } : undefined,
  };
  const found = (fields.mfa_factors ?? []).flatMap(({ totp }) =>
    totp === undefined ? [] : [toAuthenticator("TOTP", { secret: totp.secret })],
  );
  const unread =
    found.length === 0
      ? Object.entries(value ?? {}).find(([name, text]) => isUnreadSecret(name, text))
      : undefined;
  if (unread !== undefined)
    return yield unreadable(place, unreadSecretDetail(unread[0]), shared.username ?? shared.email);
  const hasOther = found.length === 0 && (fields.mfa_factors ?? []).length > 0;
  yield* withAuthenticators(shared, hasOther ? [toUnsupported("has a factor other than TOTP")] : found);
}
