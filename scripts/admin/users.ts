import type { Command } from "commander";
import { read, type User, user, userPage } from "./answers.ts";
import type { OpenSession, Session } from "./command.ts";
import { usageError } from "./failure.ts";
import { example } from "./help.ts";
import { readList, wholeNumber } from "./paging.ts";
import { type Column, renderTable } from "./table.ts";
import { readableDay } from "./text.ts";
import { addUserActions } from "./user-actions.ts";
import { addUserViews } from "./user-views.ts";

/** Adds `users …`. */
export function addUserCommands(program: Command, open: OpenSession): void {
  const users = program
    .command("users")
    .description("Manage accounts and their second factor")
    .addHelpText("after", example("sallyport-admin users show ada"));
  addAdd(users, open);
  addList(users, open);
  addUserViews(users, open);
  addUserActions(users, open);
}

interface AddOptions {
  readonly email?: string;
  readonly id?: string;
  readonly password: boolean;
}

function addAdd(users: Command, open: OpenSession): void {
  users
    .command("add")
    .argument("<name>", "user name")
    .description("Create an account; the password comes from SALLYPORT_PASSWORD or a prompt")
    .option("--email <address>", "e-mail address")
    .option("--id <id>", "id of the user (default: random)")
    .option("--no-password", "create the account without a password")
    .addHelpText("after", example("sallyport-admin users add ada --email ada@example.com"))
    .action(async (name: string, options: AddOptions, command: Command) => {
      const session = open(command);
      const api = await session.connect();
      const password = options.password ? await newPassword(session, name) : undefined;
      const body = { username: name, email: options.email, id: options.id, password };
      const answer = await api.call({
        method: "POST",
        path: "/v1/users",
        body,
        exportKey: "may_be_needed",
      });
      session.output.data(answer);
      const { username, id, realm } = read(user, answer);
      session.output.line(`Created account ${username} (id ${id}, realm ${realm}).`);
    });
}

/** Reads the password from the environment, or prompts for it twice. */
async function newPassword({ prompts }: Session, whose: string): Promise<string> {
  const given = process.env.SALLYPORT_PASSWORD;
  if (given) return given;
  if (prompts.canAsk) return prompts.newPassword(whose);
  throw usageError(
    `No password for ${whose}.`,
    "Set SALLYPORT_PASSWORD in the environment, or use --no-password.",
  );
}

interface ListOptions {
  readonly limit: number;
  readonly all?: boolean;
  readonly cursor?: string;
}

function addList(users: Command, open: OpenSession): void {
  users
    .command("list")
    .description("List accounts by name")
    .option("--limit <n>", "maximum number of accounts", wholeNumber(1), 50)
    .option("--all", "list all accounts")
    .option("--cursor <cursor>", "continue at next_cursor of an earlier list")
    .addHelpText("after", example("sallyport-admin users list --all --json"))
    .action(async (options: ListOptions, command: Command) => {
      const { output, connect } = open(command);
      const api = await connect();
      const range = { limit: options.all === true ? null : options.limit, cursor: options.cursor };
      const { entries, nextCursor } = await readList(api, { path: "/v1/users" }, range, (answer) => {
        const page = read(userPage, answer);
        return { entries: page.users, nextCursor: page.next_cursor };
      });
      output.data({ users: entries, next_cursor: nextCursor });
      if (entries.length === 0) output.line("No accounts.");
      else output.table(renderTable(columns, entries.map(rowOf), output.columns));
      if (nextCursor !== null) output.note(`More accounts: use --all, or --cursor ${nextCursor}`);
    });
}

const columns: readonly Column[] = [
  { title: "NAME", flexible: true },
  { title: "ID" },
  { title: "2FA" },
  { title: "STATE" },
  { title: "CREATED" },
];
const rowOf = ({ username, id, totp_enabled: enabled, disabled_at: disabled, created_at: made }: User) => [
  username,
  id,
  enabled ? "on" : "off",
  disabled === null ? "enabled" : "disabled",
  readableDay(made),
];
