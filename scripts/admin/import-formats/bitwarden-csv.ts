import { readVaultTotp } from "./bitwarden.ts";
import type { TableFormat } from "./format.ts";
import { readTable } from "./table.ts";

/** The CSV export of Bitwarden, Vaultwarden or Bitwarden Authenticator. */
export const bitwardenCsv: TableFormat = {
  name: "bitwarden-csv",
  title: "a Bitwarden export in CSV",
  matches: (columns) => columns.has("login_totp"),
  read: (file) =>
    readTable(file, (place, cell) =>
      readVaultTotp(place, {
        totp: cell("login_totp"),
        name: cell("name"),
        username: cell("login_username"),
      }),
    ),
};
