import { toAuthenticator } from "./entry.ts";
import type { TableFormat } from "./format.ts";
import { readTable } from "./table.ts";

/** The CSV export of Clerk's dashboard: the only export of Clerk that has TOTP secrets and password hashes. */
export const clerk: TableFormat = {
  name: "clerk",
  title: "a Clerk export",
  matches: (columns) => columns.has("primary_email_address") && columns.has("totp_secret"),
  read: (file) =>
    readTable(file, (place, cell) => {
      const secret = cell("totp_secret");
      return {
        kind: "account",
        place,
        id: cell("id"),
        username: cell("username"),
        email: cell("primary_email_address", "verified_email_addresses", "unverified_email_addresses"),
        passwordHash: cell("password_digest"),
        authenticator: secret === undefined ? null : toAuthenticator("TOTP", { secret }),
      };
    }),
};
