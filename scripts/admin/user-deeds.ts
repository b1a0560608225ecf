import type { Command } from "commander";
import type { User } from "./answers.ts";
import { type Call, pathPart } from "./api.ts";
import type { OpenSession } from "./command.ts";
import { example } from "./help.ts";
import { describeUser, findUser, namingOption, type UserNaming } from "./user-choice.ts";

/** Something that is done to an account, and nothing else. */
interface Deed {
  readonly name: string;
  readonly description: string;
  readonly method: "POST" | "DELETE";
  /** Behind `/v1/users/{id}`. */
  readonly path: string;
  /** Asked before. Undefined: it takes nothing away. */
  readonly question?: (who: string) => string;
  readonly done: (who: string) => string;
}

const deeds: readonly Deed[] = [
  {
    name: "disable",
    description: "Close an account and sign it out everywhere",
    method: "POST",
    path: "/disable",
    question: (who) => `Close ${who} and sign it out everywhere?`,
    done: (who) => `Closed ${who}.`,
  },
  {
    name: "enable",
    description: "Open a closed account again",
    method: "POST",
    path: "/enable",
    done: (who) => `Opened ${who} again.`,
  },
  {
    name: "delete",
    description: "Delete an account with everything but the record of what happened",
    method: "DELETE",
    path: "",
    question: (who) => `Delete ${who} for good?`,
    done: (who) => `Deleted ${who}.`,
  },
  {
    name: "reset",
    description: "Take the second factor away, for who has lost phone and backup codes",
    method: "POST",
    path: "/reset",
    question: (who) => `Take the second factor of ${who} away? Make sure first who is asking.`,
    done: (who) => `The second factor of ${who} is gone. It is set up anew at the next sign-in.`,
  },
  {
    name: "unlock",
    description: "Take back failed codes: the second factor is kept, and codes are accepted again",
    method: "POST",
    path: "/unlock",
    done: (who) => `Codes of ${who} are accepted again.`,
  },
];

interface DeedOptions {
  readonly by?: UserNaming;
}

/** `users disable|enable|delete|reset|unlock|sign-out`. */
export function addUserDeeds(users: Command, open: OpenSession): void {
  for (const deed of deeds) {
    const { name, description, method, path, question, done } = deed;
    userCommand(users, name, description).action(
      async (text: string, { by }: DeedOptions, command: Command) =>
        act(open, command, { text, by: by ?? null }, (user) => ({
          call: { method, path: `/v1/users/${pathPart(user.id)}${path}` },
          question: question?.(describeUser(user)),
          done: done(describeUser(user)),
        })),
    );
  }
  userCommand(users, "sign-out", "End all sessions of a user, or one")
    .option("--session <session>", "only this one, as users sessions shows it")
    .action(async (text: string, { by, session }: DeedOptions & { session?: string }, command: Command) =>
      act(open, command, { text, by: by ?? null }, (user) => {
        const one = session === undefined ? "" : `/${pathPart(session)}`;
        const who = describeUser(user);
        return {
          call: { method: "DELETE", path: `/v1/users/${pathPart(user.id)}/sessions${one}` },
          question: session === undefined ? `Sign ${who} out everywhere?` : `End this session of ${who}?`,
          done: session === undefined ? `Signed ${who} out everywhere.` : `Ended one session of ${who}.`,
        };
      }),
    );
}

const userCommand = (users: Command, name: string, description: string): Command =>
  users
    .command(name)
    .argument("<user>", "name or id")
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
