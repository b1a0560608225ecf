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

/** `events tail`: what has happened, and what happens. */
export function addEventCommands(program: Command, open: OpenSession): void {
  const events = program
    .command("events")
    .description("The record of what has happened")
    .addHelpText("after", example("sallyport-admin events tail --user ada"));
  events
    .command("tail")
    .description("Show the last events, and new ones as they are written")
    .addOption(
      new Option("-n, --last <n>", "how many to begin with").argParser(wholeNumber(0, 10_000)).default(10),
    )
    .addOption(new Option("--since-start", "begin with the first there is").conflicts("last"))
    .option("--once", "do not wait for new ones")
    .option("--type <type>", "only this type (docs/audit-events.md)")
    .option("--user <user>", "only this user: name or id, that of a deleted one too")
    .option("--interval <seconds>", "how long to wait between two looks", wholeNumber(1, 3600), 2)
    .addHelpText(
      "after",
      `${example("sallyport-admin events tail --type second_factor.refused", "sallyport-admin events tail --since-start --once --json")}

With --json every event is a line of its own.`,
    )
    .action(async (options: TailOptions, command: Command) => tail(open(command), options));
}

interface Filter {
  readonly type: string | undefined;
  readonly user: string | undefined;
}

const longestPage = 200;

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

/** Events outlive their users: a name that nobody has any more is taken for an id. */
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
 * The cursor behind which the last `count` events are: that of the event before them, because a list that runs backwards
 * names the place where it stopped. Undefined: they are all there is.
 */
async function findCursor(api: Api, filter: Filter, count: number): Promise<string | undefined> {
  let cursor: string | undefined;
  const trail = new CursorTrail();
  for (let left = count + 1; left > 0; ) {
    const query = { ...filter, order: "desc", limit: Math.min(left, longestPage), cursor };
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

/** Shows events from a cursor on, and unless it is for once, waits for more until a signal comes. */
async function follow(api: Api, course: Course, { show, warn }: Watcher): Promise<void> {
  let cursor = course.from;
  const trail = new CursorTrail(course.from);
  for (let failures = 0; ; ) {
    let more = false;
    try {
      const query = { ...course.filter, order: "asc", limit: longestPage, cursor };
      const page = read(eventPage, await api.call({ path: "/v1/events", query }));
      for (const event of page.events) show(event);
      more = page.events.length === longestPage;
      // Where nothing has happened the list stands where it stood.
      const isOver = page.events.length === 0 || (course.once === true && !more);
      if (!isOver) cursor = trail.follow(page.next_cursor, page.events.length);
      if (failures > 0) warn(["It answers again."]);
      failures = 0;
    } catch (error) {
      if (course.once || !mayPass(error)) throw error;
      if (failures === 0) warn([...error.lines, "Asking again until it answers."]);
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
