import { readFileSync } from "node:fs";
import { Command, type Option } from "commander";
import type { OpenSession } from "./command.ts";
import { addEventCommands } from "./events.ts";
import { addExportCommands } from "./export.ts";
import { usageError } from "./failure.ts";
import { addHealthCommand } from "./health.ts";
import { example } from "./help.ts";
import { addImportCommand } from "./import.ts";
import { addKeyCommands } from "./keys.ts";
import { addUserCommands } from "./users.ts";

const exitHelp = `
Keys:
  The key is read from SALLYPORT_ADMIN_KEY or ADMIN_KEY in the environment, from
  .dev.vars for npm start on this machine, or from a prompt; never from the
  command line. Exports, and changes of accounts in ADMIN_USERS, also need
  EXPORT_KEY, from SALLYPORT_EXPORT_KEY or EXPORT_KEY in the environment, from
  the same .dev.vars, or from a prompt.

Exit codes:
  0 success, 1 refused or partly failed, 2 usage error, 3 server unreachable,
  130 interrupted.`;

/** Creates the program with its commands and options, which `docs/admin-cli.md` explains. */
export function createProgram(open: OpenSession): Command {
  const program: Command = new Command("sallyport-admin")
    .description("Administer a Sallyport deployment over its service API.")
    .version(readVersion(), "--version", "print the version number")
    .option("--url <url>", "URL of the deployment (default: SALLYPORT_URL, or npm start on this machine)")
    .option("--realm <realm>", "realm to use with ADMIN_KEY; an API key has its own realm")
    .option("--json", "write results as JSON to standard output, everything else to standard error")
    .option("-y, --yes", "do not ask for confirmation")
    .option("--no-color", "do not use colors (also NO_COLOR in the environment)")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .showHelpAfterError("See --help.")
    .configureHelp({
      showGlobalOptions: true,
      // Without this, the options of a command group would be listed for its commands too.
      visibleGlobalOptions: (command): Option[] =>
        command === program ? [] : program.options.filter(({ long }) => long !== "--version"),
    })
    .addHelpText(
      "after",
      `${example("sallyport-admin users list --url https://www.example.com/api/auth")}\n${exitHelp}`,
    )
    .exitOverride();
  addUserCommands(program, open);
  addKeyCommands(program, open);
  addEventCommands(program, open);
  addHealthCommand(program, open);
  addImportCommand(program, open);
  addExportCommands(program, open);
  return program;
}

function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { version: string };
  return version;
}

const secretOptions: ReadonlyMap<string, string> = new Map([
  ...["key", "admin-key", "adminkey", "api-key", "apikey", "token", "secret", "bearer"].map(
    (name) => [name, "SALLYPORT_ADMIN_KEY"] as const,
  ),
  ...["export-key", "exportkey"].map((name) => [name, "SALLYPORT_EXPORT_KEY"] as const),
  ...["password", "pass", "passwd"].map((name) => [name, "SALLYPORT_PASSWORD"] as const),
]);

/**
 * Rejects options for secrets: every process of the machine can read the command line, and the shell stores it.
 *
 * @throws AdminError that names the option, and never its value
 */
export function refuseSecrets(args: readonly string[]): void {
  for (const arg of args) {
    if (arg === "--") return;
    const [, name = ""] = /^--?([a-z_-]+)(?:=|$)/i.exec(arg) ?? [];
    const variable = secretOptions.get(name.toLowerCase().replaceAll("_", "-"));
    if (variable === undefined) continue;
    throw usageError(
      `There is no option --${name}: other users can see the command line, and shells store it.`,
      `Set ${variable} in the environment, or leave it out to be prompted.`,
      "If this was a real secret, replace it.",
    );
  }
}
