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
The key comes from SALLYPORT_ADMIN_KEY or ADMIN_KEY of the environment, from
.dev.vars for this machine's npm start, or from a prompt; never from the command
line. An export, and accounts of ADMIN_USERS, need EXPORT_KEY as well: from
SALLYPORT_EXPORT_KEY or EXPORT_KEY, from the same .dev.vars, or from a prompt.

Exit codes: 0 done, 1 refused or failed in part, 2 not understood, 3 not
reachable, 130 interrupted.`;

/** The commands and their options. `docs/admin-cli.md` explains them at length. */
export function createProgram(open: OpenSession): Command {
  const program: Command = new Command("sallyport-admin")
    .description("Administers a deployment of Sallyport over its service API.")
    .version(readVersion(), "--version", "print the version")
    .option("--url <url>", "the deployment; by default SALLYPORT_URL, or this machine's npm start")
    .option("--realm <realm>", "the realm that ADMIN_KEY speaks for; an API key has its own")
    .option("--json", "results as JSON on standard output, everything else on standard error")
    .option("-y, --yes", "do not ask before something is taken away")
    .option("--no-color", "no colours (as NO_COLOR in the environment)")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .showHelpAfterError("With --help it says what it takes.")
    .configureHelp({
      showGlobalOptions: true,
      // Those of a command that has commands of its own are not theirs.
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
 * Refuses a secret on the command line, where every process of the machine can read it and the shell writes it down.
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
      `There is no --${name}: a command line can be read by others, and shells keep it.`,
      `Put it into ${variable} of the environment, or leave it out and a prompt asks for it.`,
      "If it was a real one, change it.",
    );
  }
}
