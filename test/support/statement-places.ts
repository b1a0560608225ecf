import { BaseSQLiteDatabase, SQLiteInsertBuilder } from "drizzle-orm/sqlite-core";

/** The methods of drizzle that begin a statement or a part of one. */
const verbs = ["select", "selectDistinct", "insert", "update", "delete", "run"] as const;

const builders = [BaseSQLiteDatabase.prototype, SQLiteInsertBuilder.prototype];

/** The source of every file in `src/store`, by its path. */
const sources: Readonly<Record<string, string>> = import.meta.glob("../../src/store/**/*.ts", {
  query: "?raw",
  import: "default",
  eager: true,
});

export interface PlaceWatch {
  /** How many places in the source begin a statement in this way, and how many of them have been reached: by file and verb. */
  count(): Record<string, { readonly written: number; readonly reached: number }>;
  stop(): void;
}

/**
 * Records each place in `src/store` that begins a statement or a part of one. A place is the position of the call in the compiled source,
 * which is unique for each call.
 */
export function watchPlaces(): PlaceWatch {
  const places = new Set<string>();
  const taken: (() => void)[] = [];
  for (const prototype of builders) {
    for (const verb of verbs) {
      const original: unknown = Reflect.get(prototype, verb);
      if (typeof original !== "function") continue;
      Reflect.set(prototype, verb, function (this: unknown, ...args: unknown[]) {
        places.add(`${callerIn(new Error().stack)} ${verb}`);
        return original.apply(this, args);
      });
      taken.push(() => Reflect.set(prototype, verb, original));
    }
  }
  return {
    count: () => compareWithSource(places),
    stop() {
      for (const giveBack of taken) giveBack();
    },
  };
}

/** The file and position of the caller of the builder: the third line of a stack. */
function callerIn(stack = ""): string {
  const frame = stack.split("\n")[2] ?? "";
  return /\/src\/store\/(?:[\w-]+\/)*([\w-]+\.ts:\d+:\d+)/.exec(frame)?.[1] ?? "elsewhere";
}

function compareWithSource(places: ReadonlySet<string>): ReturnType<PlaceWatch["count"]> {
  const reached = [...places].map((place) => place.replace(/:\d+:\d+/, ""));
  const entries = Object.entries(sources).flatMap(([path, text]) =>
    verbs.map((verb) => {
      const name = `${path.slice(path.lastIndexOf("/") + 1)} ${verb}`;
      const written = text.split(`.${verb}(`).length - 1;
      return [name, { written, reached: reached.filter((one) => one === name).length }] as const;
    }),
  );
  return Object.fromEntries(entries.filter(([, { written, reached: seen }]) => written + seen > 0));
}
