import { type Command, Option } from "commander";
import { type Event, eventPage, read } from "./answers.ts";
import type { Api } from "./api.ts";
import type { OpenSession, Session } from "./command.ts";
import { AdminError, exitCodes, mayPass, ServerRefusal } from "./failure.ts";
import { example } from "./help.ts";
import { CursorTrail, wholeNumber } from "./paging.ts";
import { readableTime } from "./text.ts";
import { findUser } from "./user-choice.ts";
import { waitFor } from "./waiting.ts";

interface TailOptions {
  readonly last: number;
  readonly sinceStart?: boolean;
  readonly once?: boolean;
  readonly type?: string;
  readonly user?: string;
  readonly interval: number;
}

/** Adds `events tail`. */
export function addEventCommands(program: Command, open: OpenSession): void {
  const events = program
    .command("events")
    .description("Show audit events")
    .addHelpText("after", example("sallyport-admin events tail --user ada"));
  events
    .command("tail")
    .description("Show the last events, then new ones as they are written")
    .addOption(
      new Option("-n, --last <n>", "number of earlier events to show")
        .argParser(wholeNumber(0, 10_000))
        .default(10),
    )
    .addOption(new Option("--since-start", "start with the first event that exists").conflicts("last"))
    .option("--once", "do not wait for new events")
    .option("--type <type>", "show only this type (docs/audit-events.md)")
    .option("--user <user>", "show only this user: name or id; for a deleted user, the id")
    .option("--interval <seconds>", "time between two requests", wholeNumber(1, 3600), 2)
    .addHelpText(
      "after",
      `${example("sallyport-admin events tail --type second_factor.refused", "sallyport-admin events tail --since-start --once --json")}

With --json, each event is one line.`,
    )
    .action(async (options: TailOptions, command: Command) => tail(open(command), options));
}

interface Filter {
  readonly type: string | undefined;
  readonly user: string | undefined;
}

const maxPageSize = 200;

async function tail({ output, signal, connect }: Session, options: TailOptions): Promise<void> {
  const api = await connect();
  const { user: who, type } = options;
  const filter = { type, user: who === undefined ? undefined : await findUserId(api, who) };
  const from = options.sinceStart === true ? undefined : await findCursor(api, filter, options.last);
  await follow(
    api,
    { filter, from, signal, ...options },
    {
      show: (event) => {
        output.data(event);
        output.line(describeEvent(event));
      },
      warn: (lines) => output.notes(lines, "yellow"),
    },
  );
}

/** Events stay when their user is deleted, so a text that matches no user is used as an id. */
async function findUserId(api: Api, text: string): Promise<string> {
  return findUser(api, text, null).then(
    ({ id }) => id,
    (error: unknown) => {
      if (
        error instanceof AdminError &&
        !(error instanceof ServerRefusal) &&
        error.exitCode === exitCodes.refused
      )
        return text;
      throw error;
    },
  );
}

/**
 * Returns the cursor before the last `count` events: the `next_cursor` of a descending list of `count` + 1 events.
 * Undefined when there are no earlier events.
 */
async function findCursor(api: Api, filter: Filter, count: number): Promise<string | undefined> {
  let cursor: string | undefined;
  const trail = new CursorTrail();
  for (let left = count + 1; left > 0; ) {
    const query = { ...filter, order: "desc", limit: Math.min(left, maxPageSize), cursor };
    const page = read(eventPage, await api.call({ path: "/v1/events", query }));
    if (page.next_cursor === null) return undefined;
    cursor = trail.follow(page.next_cursor, page.events.length);
    left -= page.events.length;
  }
  return cursor;
}

interface Course {
  readonly filter: Filter;
  readonly from: string | undefined;
  readonly once?: boolean;
  /** In seconds. */
  readonly interval: number;
  readonly signal: AbortSignal;
}

interface Watcher {
  readonly show: (event: Event) => void;
  readonly warn: (lines: readonly string[]) => void;
}

/** Shows the events after a cursor. Without `--once` it polls for new events until the signal is aborted. */
async function follow(api: Api, course: Course, { show, warn }: Watcher): Promise<void> {
  let cursor = course.from;
  const trail = new CursorTrail(course.from);
  for (let failures = 0; ; ) {
    let more = false;
    try {
      const query = { ...course.filter, order: "asc", limit: maxPageSize, cursor };
      const page = read(eventPage, await api.call({ path: "/v1/events", query }));
      for (const event of page.events) show(event);
      more = page.events.length === maxPageSize;
      // An empty page has no new cursor.
      const isOver = page.events.length === 0 || (course.once === true && !more);
      if (!isOver) cursor = trail.follow(page.next_cursor, page.events.length);
      if (failures > 0) warn(["The server responds again."]);
      failures = 0;
    } catch (error) {
      if (course.once || !mayPass(error)) throw error;
      if (failures === 0) warn([...error.lines, "Retrying until the server responds."]);
      failures++;
    }
    if (more) continue;
    if (course.once) return;
    await waitFor(course.interval * Math.min(failures + 1, 5), course.signal);
  }
}

/** `2026-11-22 09:30:00Z  totp.enabled  user 42  by admin  198.51.100.7  method=totp` */
function describeEvent({ at, type, user, actor, client_address: address, detail }: Event): string {
  return [
    readableTime(at),
    type.padEnd(24),
    user === null ? "" : `user ${user}`,
    actor === null ? "" : `by ${actor}`,
    address ?? "",
    ...Object.entries(detail).map(([name, value]) => `${name}=${value}`),
  ]
    .filter((part) => part !== "")
    .join("  ");
}
