/** What is read of a V8 CPU profile, as `wrangler check startup` writes it. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  /** The node that was running, for each sample. */
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

type Part = "script" | "platform" | "garbageCollection" | "native";

/** Where the time of a profile went, in milliseconds. */
export interface StartupCost {
  /** All parts together. */
  readonly cpu: number;
  /** In JavaScript of the bundle. */
  readonly script: number;
  /** In modules of the platform that are written in JavaScript: `node:crypto` and what it brings along. */
  readonly platform: number;
  readonly garbageCollection: number;
  /** V8 and workerd themselves, for which a profile has no function: reading and compiling scripts, above all. */
  readonly native: number;
  /** What wrangler prints as "active": `cpu`, and the gaps before its samples. */
  readonly active: number;
}

/**
 * V8 looks once a millisecond while an isolate runs. A sample that comes later says that it did not run meanwhile: it
 * waited for its request, or the machine did something else. Such a gap, mostly one of 10 to 15 ms before the first
 * sample, is there for an empty Worker, too, and stands in the profile as time of whatever came next.
 */
const longestSampleMilliseconds = 2;

/** Adds up the samples of a profile. */
export function addUp({ nodes, samples, timeDeltas }: CpuProfile): StartupCost {
  const kinds = new Map(nodes.map(({ id, callFrame }) => [id, kindOf(callFrame)]));
  const sums = { idle: 0, script: 0, platform: 0, garbageCollection: 0, native: 0 };
  let active = 0;
  for (const [index, node] of samples.entries()) {
    const milliseconds = (timeDeltas[index] ?? 0) / 1000;
    const kind = kinds.get(node) ?? "native";
    sums[kind] += Math.min(milliseconds, longestSampleMilliseconds);
    if (kind !== "idle") active += milliseconds;
  }
  const { idle: _, ...parts } = sums;
  return { cpu: Object.values(parts).reduce((sum, part) => sum + part), ...parts, active };
}

function kindOf({ functionName, url }: CpuProfile["nodes"][number]["callFrame"]): "idle" | Part {
  if (functionName === "(idle)") return "idle";
  if (functionName === "(garbage collector)") return "garbageCollection";
  // Functions of V8's own, such as those of strings and maps, have no address.
  if (functionName === "(program)" || functionName === "(root)" || url === "") return "native";
  return /^(node|cloudflare|workerd)[:-]/.test(url) ? "platform" : "script";
}
