import type { Command } from "commander";
import type { User } from "./answers.ts";
import { type Call, pathPart } from "./api.ts";
import type { OpenSession } from "./command.ts";
import { example } from "./help.ts";
import { describeUser, findUser, namingOption, type UserNaming } from "./user-choice.ts";

/** A command that changes an account with one call and no further options. */
interface UserAction {
  readonly name: string;
  readonly description: string;
  readonly method: "POST" | "DELETE";
  /** Relative to `/v1/users/{id}`. */
  readonly path: string;
  /** The question of the confirmation prompt. Undefined when no confirmation is required. */
  readonly question?: (who: string) => string;
  readonly done: (who: string) => string;
}

const actions: readonly UserAction[] = [
  {
    name: "disable",
    description: "Disable an account and end its sessions",
    method: "POST",
    path: "/disable",
    question: (who) => `Disable ${who} and end all sessions?`,
    done: (who) => `Disabled ${who}.`,
  },
  {
    name: "enable",
    description: "Enable a disabled account",
    method: "POST",
    path: "/enable",
    done: (who) => `Enabled ${who}.`,
  },
  {
    name: "delete",
    description: "Delete an account, but keep its audit events",
    method: "DELETE",
    path: "",
    question: (who) => `Delete ${who} permanently?`,
    done: (who) => `Deleted ${who}.`,
  },
  {
    name: "reset",
    description: "Remove the second factor, for a user without phone and backup codes",
    method: "POST",
    path: "/reset",
    question: (who) => `Remove the second factor of ${who}? Verify the identity of the user first.`,
    done: (who) => `Removed the second factor of ${who}. The next sign-in sets up a new one.`,
  },
  {
    name: "unlock",
    description: "Reset failed codes, so that codes are accepted again",
    method: "POST",
    path: "/unlock",
    done: (who) => `Unlocked ${who}: codes are accepted again.`,
  },
];

interface UserActionOptions {
  readonly by?: UserNaming;
}

/** `users disable|enable|delete|reset|unlock|sign-out`. */
export function addUserActions(users: Command, open: OpenSession): void {
  for (const action of actions) {
    const { name, description, method, path, question, done } = action;
    userCommand(users, name, description).action(
      async (text: string, { by }: UserActionOptions, command: Command) =>
        act(open, command, { text, by: by ?? null }, (user) => ({
          call: { method, path: `/v1/users/${pathPart(user.id)}${path}` },
          question: question?.(describeUser(user)),
          done: done(describeUser(user)),
        })),
    );
  }
  userCommand(users, "sign-out", "End all sessions of a user, or one session")
    .option("--session <session>", "end only this session (id from users sessions)")
    .action(
      async (text: string, { by, session }: UserActionOptions & { session?: string }, command: Command) =>
        act(open, command, { text, by: by ?? null }, (user) => {
          const one = session === undefined ? "" : `/${pathPart(session)}`;
          const who = describeUser(user);
          return {
            call: { method: "DELETE", path: `/v1/users/${pathPart(user.id)}/sessions${one}` },
            question: session === undefined ? `End all sessions of ${who}?` : `End this session of ${who}?`,
            done: session === undefined ? `Ended all sessions of ${who}.` : `Ended one session of ${who}.`,
          };
        }),
    );
}

const userCommand = (users: Command, name: string, description: string): Command =>
  users
    .command(name)
    .argument("<user>", "user name or id")
    .description(description)
    .addOption(namingOption())
    .addHelpText("after", example(`sallyport-admin users ${name} ada`));

interface Plan {
  readonly call: Call;
  readonly question: string | undefined;
  readonly done: string;
}

async function act(
  open: OpenSession,
  command: Command,
  { text, by }: { text: string; by: UserNaming | null },
  plan: (user: User) => Plan,
): Promise<void> {
  const { output, prompts, connect } = open(command);
  const api = await connect();
  const { call, question, done } = plan(await findUser(api, text, by));
  if (question !== undefined) await prompts.consent(question);
  output.data(await api.call({ ...call, exportKey: "may_be_needed" }));
  output.line(done);
}
