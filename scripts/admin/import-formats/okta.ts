import type { TableFormat } from "./format.ts";
import { readTable } from "./table.ts";

/** A list of Okta's users. Okta never gives out TOTP secrets or password hashes, so the accounts come in without both. */
export const okta: TableFormat = {
  name: "okta",
  title: "a list of Okta users",
  matches: (columns) =>
    ["login", "profile_login", "okta_login"].some((name) => columns.has(name)) &&
    ["status", "okta_user_status", "user_status"].some((name) => columns.has(name)),
  read: (file, context) => {
    context.note(
      "Okta exports no TOTP secrets and no passwords: every user has to enrol again and needs a password.",
    );
    return readTable(file, (place, cell) => {
      const status = cell("status", "user_status", "okta_user_status")?.toUpperCase() ?? "ACTIVE";
      return {
        kind: "account",
        place,
        id: cell("id", "user_id", "okta_user_id"),
        username: cell("login", "profile_login", "okta_login"),
        email: cell("email", "profile_email", "primary_email"),
        authenticator: null,
        disabled: ["SUSPENDED", "DEPROVISIONED", "DEACTIVATED"].includes(status)
          ? { since: null }
          : undefined,
      };
    });
  },
};
