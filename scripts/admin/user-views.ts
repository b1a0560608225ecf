import type { Command } from "commander";
import { read, type Session, sessionList, type UserStatus, userStatus } from "./answers.ts";
import { pathPart } from "./api.ts";
import type { OpenSession } from "./command.ts";
import { example } from "./help.ts";
import { readableTime, renderFields } from "./text.ts";
import { findUser, namingOption, type UserNaming } from "./user-choice.ts";

interface NamingOptions {
  readonly by?: UserNaming;
}

/** `users show`, `users sessions`. */
export function addUserViews(users: Command, open: OpenSession): void {
  users
    .command("show")
    .argument("<user>", "user name or id")
    .description("Show an account and the state of its second factor")
    .addOption(namingOption())
    .addHelpText("after", example("sallyport-admin users show ada"))
    .action(async (text: string, { by }: NamingOptions, command: Command) => {
      const { output, connect } = open(command);
      const api = await connect();
      const { id } = await findUser(api, text, by ?? null);
      const answer = await api.call({ path: `/v1/users/${pathPart(id)}` });
      output.data(answer);
      output.lines(renderFields(fieldsOf(read(userStatus, answer))));
    });

  users
    .command("sessions")
    .argument("<user>", "user name or id")
    .description("List the sessions of a user")
    .addOption(namingOption())
    .addHelpText("after", example("sallyport-admin users sessions ada"))
    .action(async (text: string, { by }: NamingOptions, command: Command) => {
      const { output, connect } = open(command);
      const api = await connect();
      const { id } = await findUser(api, text, by ?? null);
      const answer = await api.call({ path: `/v1/users/${pathPart(id)}/sessions` });
      output.data(answer);
      const { sessions } = read(sessionList, answer);
      if (sessions.length === 0) output.line("No sessions.");
      for (const [index, session] of sessions.entries()) {
        if (index > 0) output.line("");
        output.lines(renderFields(describeSession(session)));
      }
    });
}

const describeSession = (session: Session): [name: string, value: string][] => [
  ["Session", session.id],
  [
    "Last seen",
    `${readableTime(session.last_seen_at)} from ${session.client_address ?? "an unknown address"}`,
  ],
  ["Two-factor", session.aal === 2 ? "verified" : "not verified"],
  ["Browser", session.user_agent ?? "unknown"],
];

const passwords: Readonly<Record<string, string>> = {
  none: "none",
  set: "set",
  reset_required: "must be set again: the imported hash is not supported",
};

function fieldsOf(status: UserStatus): [name: string, value: string][] {
  const { email, totp_setup_at: since, disabled_at: disabled, enrolment_expires_at: expires } = status;
  return [
    ["Name", status.username],
    ["Id", status.id],
    ["Realm", status.realm],
    ["E-mail", email ?? "none"],
    ["State", disabled === null ? "enabled" : `disabled since ${readableTime(disabled)}`],
    ["Password", passwords[status.password] ?? status.password],
    [
      "Two-factor",
      status.totp_enabled ? `on${since === null ? "" : `, since ${readableTime(since)}`}` : "off",
    ],
    ...(expires === null ? [] : [["Set-up", `pending until ${readableTime(expires)}`] as const]),
    ["Backup codes", `${status.backup_codes_remaining} left`],
    ["Codes", describeBlock(status)],
    ["Created", readableTime(status.created_at)],
  ].map(([name = "", value = ""]) => [name, value]);
}

function describeBlock({ second_factor_disabled: disabled, blocked_until: until }: UserStatus): string {
  if (disabled) return "refused after too many failures; run users unlock or users reset";
  return until === null ? "accepted" : `refused until ${readableTime(until)}; run users unlock to end this`;
}
