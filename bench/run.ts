/**
 * `npm run bench [-- PART…] [-- --smoke] [-- --write]`: compares each operation with its minimum cost and with the common
 * alternatives. Prints Markdown; `--write` inserts it into `docs/performance.md`. `--smoke` runs every subject a few
 * times and discards the figures, to test the benchmark itself.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { measureAlgorithms } from "./algorithms/algorithms.ts";
import { measureGrowth } from "./growth/growth.ts";
import { countTrips } from "./peers/trips.ts";
import { type Section, showSection, showVerdicts } from "./report.ts";
import { measureStartup } from "./startup/startup.ts";
import { maxRounds, measureCodes } from "./subjects/codes.ts";
import { measureDistance } from "./subjects/distance.ts";
import { measureGate } from "./subjects/gate.ts";
import { measureHotPath } from "./subjects/hot-path.ts";
import { measureSignIn } from "./subjects/sign-in.ts";
import { startWorld, type World } from "./subjects/world.ts";

const args = process.argv.slice(2);
const smoke = args.includes("--smoke");
const wanted = args.filter((arg) => !arg.startsWith("--"));

/** The number of rounds, and the operations per round. */
const size = smoke
  ? { rounds: 1, growthRounds: 1, hot: 40, gate: 20, codes: 4, signIns: 1, sizes: [1000, 2000] }
  : {
      rounds: maxRounds - 1,
      growthRounds: 24,
      hot: 2000,
      gate: 600,
      codes: 40,
      signIns: 4,
      sizes: [1000, 100_000, 1_000_000],
    };

type Part = () => Promise<Section>;

/** Started when the first part needs it. */
let world: Promise<World> | null = null;

const inWorld = async (measure: (world: World) => Promise<Section>): Promise<Section> => {
  world ??= startWorld(size.codes * 6);
  return measure(await world);
};

const parts: Readonly<Record<string, Part>> = {
  trips: countTrips,
  session: () => inWorld((world) => measureHotPath(world, size.rounds, size.hot)),
  gate: () => inWorld((world) => measureGate(world, size.rounds, size.gate)),
  code: () => inWorld((world) => measureCodes(world, size.rounds, size.codes)),
  "sign-in": () => inWorld((world) => measureSignIn(world, size.rounds, size.signIns)),
  distance: () =>
    inWorld((world) => measureDistance(world, Math.min(size.rounds, 5), Math.ceil(size.codes / 4))),
  algorithms: () => measureAlgorithms({ rounds: size.rounds }),
  startup: () => measureStartup({ rounds: smoke ? 1 : 5 }),
  growth: () => measureGrowth({ rounds: size.growthRounds, sizes: size.sizes }),
};

const worldly = ["session", "gate", "code", "sign-in", "distance"];

async function stopWorld(): Promise<void> {
  await (await world)?.stop();
  world = null;
}

async function run(): Promise<void> {
  for (const name of wanted)
    if (parts[name] === undefined) throw new Error(`${name} is none of ${Object.keys(parts)}`);
  const names = wanted.length > 0 ? wanted : Object.keys(parts);
  const sections: Section[] = [];
  for (const [index, name] of names.entries()) {
    console.error(`${index + 1} of ${names.length}: ${name}`);
    const section = await parts[name]?.();
    if (section === undefined) continue;
    sections.push(section);
    // The remaining parts start their own workerd processes, which must not compete with those of the world.
    if (!names.slice(index + 1).some((next) => worldly.includes(next))) await stopWorld();
    console.log(showSection(section));
  }
  const verdicts = sections.flatMap(({ verdicts }) => verdicts);
  if (smoke) return;
  console.log(`## Targets\n\n${showVerdicts(verdicts)}\n`);
  if (args.includes("--write")) write(sections);
}

const marks = ["<!-- npm run bench -- --write: begin -->", "<!-- npm run bench -- --write: end -->"] as const;

/** Inserts the figures between the marks of the page. */
function write(sections: readonly Section[]): void {
  const page = fileURLToPath(new URL("../docs/performance.md", import.meta.url));
  const text = readFileSync(page, "utf8");
  const [begin, end] = marks.map((mark) => text.indexOf(mark)) as [number, number];
  if (begin < 0 || end < begin) throw new Error(`${page} has no place for the figures`);
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const [cpu] = cpus();
  const head = `Measured on ${new Date().toISOString().slice(0, 10)} at ${commit}: ${cpus().length} × ${cpu?.model.trim()}, Node ${process.version}.`;
  const targets = `## Targets\n\n${showVerdicts(sections.flatMap(({ verdicts }) => verdicts))}`;
  const figures = [head, targets, ...sections.map((section) => showSection(section).trim())].join("\n\n");
  writeFileSync(page, `${text.slice(0, begin + marks[0].length)}\n\n${figures}\n\n${text.slice(end)}`);
}

// Temporary folders are removed by exit handlers, which a signal alone does not run.
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

await run();
// An open socket to a Worker would keep the process alive.
process.exit();
