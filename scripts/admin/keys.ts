import { type Command, InvalidArgumentError } from "commander";
import { parseTimestamp } from "../../src/core/parsing/timestamp.ts";
import { type ApiKey, apiKey, apiKeyPage, createdApiKey, read } from "./answers.ts";
import { type Api, pathPart } from "./api.ts";
import type { OpenSession } from "./command.ts";
import { AdminError, exitCodes, ServerRefusal, usageError } from "./failure.ts";
import { example } from "./help.ts";
import { readList } from "./paging.ts";
import { type Column, renderTable } from "./table.ts";
import { readableDay, readableTime } from "./text.ts";

/** Adds `keys …`. */
export function addKeyCommands(program: Command, open: OpenSession): void {
  const keys = program
    .command("keys")
    .description("Manage API keys")
    .addHelpText("after", example("sallyport-admin keys add checkout --realm shop --scope verify"));
  addAdd(keys, open);
  addList(keys, open);
  addRevoke(keys, open);
}

interface AddOptions {
  readonly scope: string[];
  readonly expires?: string;
  readonly returnUrl?: string[];
}

const collect = (text: string, before: string[] = []) => [...before, ...text.split(",").filter(Boolean)];

function addAdd(keys: Command, open: OpenSession): void {
  keys
    .command("add")
    .argument("<name>", "name of the key")
    .description("Create an API key; it is shown once, alone on standard output")
    .requiredOption("--scope <scopes>", "users:read, users:write, verify, admin; repeatable", collect)
    .option("--expires <when>", "time (2027-01-31, 2027-01-31T12:00:00Z) or duration (90d, 12h)", parseEnd)
    .option("--return-url <url>", "allowed return URL of hosted challenges; repeatable", collect)
    .addHelpText(
      "after",
      `${example("sallyport-admin keys add checkout --realm shop --scope verify --expires 365d")}

Two keys of one name can be valid at the same time. To replace a key without an
interruption, create the second, give it to its program, and revoke the first.`,
    )
    .action(async (name: string, options: AddOptions, command: Command) => {
      const { output, connect } = open(command);
      const api = await connect();
      const { scope: scopes, expires: expires_at, returnUrl: return_urls } = options;
      const body = { name, scopes, expires_at, return_urls };
      const older = (await readKeys(api)).filter((key) => key.name === name && stateOf(key, new Date()).live);
      const answer = await api
        .call({ method: "POST", path: "/v1/api-keys", body })
        .catch((error: unknown) => {
          throw describeConflict(error, name);
        });
      output.data(answer);
      const made = read(createdApiKey, answer);
      output.line(made.key);
      output.note(`Created key ${made.id} (${made.name}, realm ${made.realm}, ${made.scopes.join(" ")}).`);
      output.note("The key is not shown again.");
      output.notes(
        older.map(
          ({ id }) =>
            `When its program has the new key, revoke the old one: sallyport-admin keys revoke ${id}`,
        ),
      );
    });
}

function describeConflict(error: unknown, name: string): unknown {
  if (!(error instanceof ServerRefusal) || error.problem.code !== "conflict") return error;
  return new ServerRefusal(error.problem, `Run sallyport-admin keys list to see both keys named ${name}.`);
}

function addList(keys: Command, open: OpenSession): void {
  keys
    .command("list")
    .description("List the valid keys of the realm, without the keys themselves")
    .option("--all", "include expired and revoked keys")
    .addHelpText("after", example("sallyport-admin keys list --realm shop"))
    .action(async ({ all }: { all?: boolean }, command: Command) => {
      const { output, connect } = open(command);
      const now = new Date();
      const found = (await readKeys(await connect())).filter((key) => all || stateOf(key, now).live);
      output.data({ api_keys: found });
      const rows = found.map((key) => [
        key.name,
        key.id,
        stateOf(key, now).words,
        readableDay(key.last_used_at),
        key.scopes.join(" "),
      ]);
      if (rows.length === 0) output.line("No keys.");
      else output.table(renderTable(columns, rows, output.columns));
    });
}

const columns: readonly Column[] = [
  { title: "NAME", flexible: true },
  { title: "ID" },
  { title: "STATE" },
  { title: "LAST USED" },
  { title: "SCOPES", flexible: true },
];

async function readKeys(api: Api): Promise<readonly ApiKey[]> {
  const { entries } = await readList(api, { path: "/v1/api-keys" }, { limit: null }, (answer) => {
    const page = read(apiKeyPage, answer);
    return { entries: page.api_keys, nextCursor: page.next_cursor };
  });
  return entries;
}

function stateOf(
  { revoked_at: revoked, expires_at: expires }: Pick<ApiKey, "revoked_at" | "expires_at">,
  now: Date,
): { live: boolean; words: string } {
  if (revoked !== null) return { live: false, words: `revoked ${readableDay(revoked)}` };
  if (expires === null) return { live: true, words: "valid" };
  const live = new Date(expires) > now;
  return { live, words: `${live ? "until" : "expired"} ${readableDay(expires)}` };
}

function addRevoke(keys: Command, open: OpenSession): void {
  keys
    .command("revoke")
    .argument("<id>", "id of the key, from keys list")
    .description("Revoke a key; it stops working everywhere within a minute")
    .addHelpText("after", example("sallyport-admin keys revoke ab2cdefghij3klmn"))
    .action(async (text: string, _options: object, command: Command) => {
      const { output, prompts, connect } = open(command);
      const id = parseKeyId(text);
      const api = await connect();
      const key = (await readKeys(api)).find((known) => known.id === id);
      if (key === undefined) throw new AdminError(exitCodes.refused, `No key ${id} in this realm.`);
      await prompts.consent(`Revoke the key ${id} (${key.name}, realm ${key.realm})?`);
      const answer = await api.call({ method: "DELETE", path: `/v1/api-keys/${pathPart(id)}` });
      output.data(answer);
      const { revoked_at: end } = read(apiKey, answer);
      output.line(
        `Revoked ${id} (${key.name})${end === null ? "" : ` at ${readableTime(end)}`}. It stops working everywhere within a minute.`,
      );
    });
}

/** Parses the id of a key, with or without the prefix. Rejects a whole key, which is a secret. */
function parseKeyId(text: string): string {
  const [, id, rest] = /^(?:sp_)?([a-z2-7]{16})(_.*)?$/.exec(text) ?? [];
  if (id !== undefined && rest === undefined) return id;
  if (id === undefined) throw usageError("The id of a key has 16 letters and digits. See keys list.");
  throw usageError("This is a whole key: do not put secrets on the command line.", `Use its id: ${id}`);
}

const unitHours: Readonly<Record<string, number>> = { h: 1, d: 24, w: 7 * 24 };

function parseEnd(text: string): string {
  const [, count, unit = ""] = /^(\d{1,5})([hdw])$/.exec(text) ?? [];
  if (count !== undefined)
    return new Date(Date.now() + Number(count) * (unitHours[unit] ?? 0) * 3_600_000).toISOString();
  // A day without a time begins at midnight, and the seconds may be left out.
  const [, day = "", minute = "T00:00", zone = "Z"] =
    /^(\d{4}-\d\d-\d\d)(?:(t\d\d:\d\d)(z|[+-]\d\d:\d\d))?$/i.exec(text) ?? [];
  const end = parseTimestamp(day === "" ? text : `${day}${minute}:00${zone}`);
  if (end === null)
    throw new InvalidArgumentError(
      "It must be a time such as 2027-01-31 or 2027-01-31T12:00:00Z, or a duration such as 90d.",
    );
  return end.toISOString();
}
