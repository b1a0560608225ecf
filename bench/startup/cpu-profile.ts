/** The used members of a V8 CPU profile, as written by `wrangler check startup`. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  /** The id of the running node, for each sample. */
  readonly samples: readonly number[];
  /** The microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

type Part = "script" | "platform" | "garbageCollection" | "native";

/** The CPU time of a profile by category, in milliseconds. */
export interface StartupCost {
  /** The sum of all categories. */
  readonly cpu: number;
  /** JavaScript of the bundle. */
  readonly script: number;
  /** JavaScript modules of the platform: `node:crypto` and its dependencies. */
  readonly platform: number;
  readonly garbageCollection: number;
  /** V8 and workerd themselves, mainly reading and compiling scripts. A profile has no function for them. */
  readonly native: number;
  /** The time that wrangler prints as "active": `cpu` and the gaps before its samples. */
  readonly active: number;
}

/**
 * V8 samples once per millisecond while an isolate runs. A longer interval means that the isolate did not run: it waited for its
 * request, or the machine ran other work. An empty Worker also has such a gap, mostly of 10 to 15 ms before the
 * first sample. The profile attributes the gap to the next sample.
 */
const maxSampleMilliseconds = 2;

/** Adds up the samples of a profile. */
export function addUp({ nodes, samples, timeDeltas }: CpuProfile): StartupCost {
  const kinds = new Map(nodes.map(({ id, callFrame }) => [id, kindOf(callFrame)]));
  const sums = { idle: 0, script: 0, platform: 0, garbageCollection: 0, native: 0 };
  let active = 0;
  for (const [index, node] of samples.entries()) {
    const milliseconds = (timeDeltas[index] ?? 0) / 1000;
    const kind = kinds.get(node) ?? "native";
    sums[kind] += Math.min(milliseconds, maxSampleMilliseconds);
    if (kind !== "idle") active += milliseconds;
  }
  const { idle: _, ...parts } = sums;
  return { cpu: Object.values(parts).reduce((sum, part) => sum + part), ...parts, active };
}

function kindOf({ functionName, url }: CpuProfile["nodes"][number]["callFrame"]): "idle" | Part {
  if (functionName === "(idle)") return "idle";
  if (functionName === "(garbage collector)") return "garbageCollection";
  // V8's own functions, such as those of strings and maps, have no URL.
  if (functionName === "(program)" || functionName === "(root)" || url === "") return "native";
  return /^(node|cloudflare|workerd)[:-]/.test(url) ? "platform" : "script";
}
