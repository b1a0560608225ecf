import { usageError } from "../failure.ts";
import {
  type AccountEntry,
  type Authenticator,
  type ImportEntry,
  orAbsent,
  parseDate,
  showType,
  toAuthenticator,
  toUnsupported,
  withAuthenticators,
} from "./entry.ts";
import type { ImportFormat, TableFormat } from "./format.ts";
import type { ImportFile } from "./import-file.ts";
import { readSqlTables, type SqlRow } from "./sql-rows.ts";
import { readTable } from "./table.ts";

/** A dump of the schema `auth` of Supabase: `supabase db dump --data-only --schema auth`, or `pg_dump`. */
export const supabaseSql: ImportFormat = {
  name: "supabase",
  title: "a dump of Supabase",
  read: readDump,
};

/** True for the beginning of an SQL dump. */
export const isSqlDump = (head: string): boolean =>
  /^(?:--|SET |SELECT pg_catalog)/i.test(head) || /^(?:COPY|INSERT INTO) "?auth"?\."?\w+"? \(/im.test(head);

/** A table of `auth.mfa_factors`, alone or joined with `auth.users` for the names of the users. */
export const supabaseCsv: TableFormat = {
  name: "supabase-csv",
  title: "a table of Supabase's mfa_factors",
  matches: (columns) => columns.has("factor_type") && columns.has("secret"),
  read: (file) =>
    readTable(file, (place, cell) => {
      const factor = {
        type: cell("factor_type"),
        status: cell("status"),
        secret: cell("secret"),
      };
      if (!isConfirmed(factor)) return { kind: "irrelevant", place };
      const createdAt = parseDate(cell("user_created_at")) ?? undefined;
      return {
        kind: "account",
        place,
        id: cell("user_id"),
        email: cell("email"),
        username: undefined,
        passwordHash: cell("encrypted_password"),
        createdAt,
        authenticator: toFactor(factor),
      };
    }),
};

interface Factor {
  readonly type: string | null | undefined;
  readonly status: string | null | undefined;
  readonly secret: string | null | undefined;
}

/** A factor that was never confirmed is no second factor: Supabase does not ask for it. */
const isConfirmed = ({ status }: Factor): boolean => status === undefined || status === "verified";

/** A server with encryption of the database stores a JSON object in place of the secret. */
function toFactor({ type, secret }: Factor): Authenticator {
  const text = orAbsent(secret);
  if (type !== "totp" || text === undefined)
    return toUnsupported(`is of another type than TOTP${showType(type ?? "")}`);
  if (text.startsWith("{")) return toUnsupported("has a secret that Supabase's server has encrypted");
  return toAuthenticator("TOTP", { secret: text });
}

async function* readDump(file: ImportFile): AsyncGenerator<ImportEntry> {
  const dump = await file.documentText();
  // pg_dump names an empty table, too.
  if (!dump.includes("mfa_factors"))
    throw usageError(
      "The dump has no auth.mfa_factors: its users would come in without their second factor.",
      "Dump the whole schema auth.",
    );
  const tables = readSqlTables(dump, ["auth.users", "auth.mfa_factors"]);
  const factors = new Map<string, Factor[]>();
  for (const row of tables.get("auth.mfa_factors") ?? []) {
    const factor = { type: row.get("factor_type"), status: row.get("status"), secret: row.get("secret") };
    const userId = row.get("user_id");
    if (userId && isConfirmed(factor)) factors.set(userId, [...(factors.get(userId) ?? []), factor]);
  }
  const users = tables.get("auth.users") ?? [];
  if (users.length === 0)
    throw usageError("The dump has no rows of auth.users. Dump the data of the schema auth.");
  for (const [index, row] of users.entries()) yield* readUser(`auth.users, row ${index + 1}`, row, factors);
}

function* readUser(place: string, row: SqlRow, factors: Map<string, Factor[]>): Generator<ImportEntry> {
  const cell = (name: string) => orAbsent(row.get(name));
  const createdAt = parseDate(cell("created_at")) ?? undefined;
  const shared: Omit<AccountEntry, "authenticator"> = {
    kind: "account",
    place,
    id: cell("id"),
    email: cell("email"),
    passwordHash: cell("encrypted_password"),
    createdAt,
    disabled: cell("deleted_at") || isFuture(cell("banned_until")) ? { since: createdAt ?? null } : undefined,
  };
  yield* withAuthenticators(shared, (factors.get(cell("id") ?? "") ?? []).map(toFactor));
}

const isFuture = (time: string | undefined): boolean => (parseDate(time)?.getTime() ?? 0) > Date.now();
