/**
 * `npm run conformance:table`: runs the conformance suite in workerd and writes `docs/conformance.md`, with a line for each
 * requirement: its test and result, or the reason why it has no test. Exit status 1 when a test fails. With
 * `--report FILE` it reads the results from a JSON report of Vitest.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Line } from "../test/conformance/line.ts";
import { lines } from "../test/conformance/lines.ts";
import { projectRoot } from "./start/wrangler.ts";

const { values: options } = parseArgs({ options: { report: { type: "string" } } });
const folder = mkdtempSync(join(tmpdir(), "sallyport-conformance-"));
const report = options.report ?? join(folder, "report.json");
const vitest = join(projectRoot, "node_modules/vitest/vitest.mjs");
if (options.report === undefined) runSuite();
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { title: string; status: string }[];
  }[];
}
const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
rmSync(folder, { recursive: true });
const statuses = new Map(
  testResults.flatMap(({ name, assertionResults }) =>
    name.includes("test/conformance/")
      ? assertionResults.map(({ title, status }) => [title.split(" ")[0] ?? "", status] as const)
      : [],
  ),
);

const rows = lines.map((line) => [line.id, line.requirement, ...describe(line)]);
const table = [["ID", "requirement", "test", "result"], ["---", "---", "---", "---"], ...rows]
  .map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
  .join("\n");
const count = (result: RegExp) => rows.filter((row) => result.test(row[3] ?? "")).length;
const [checked, held] = [count(/^passed/), count(/^tested there/)];
const [away, later] = [count(/^does not apply/), count(/^not built yet/)];

writeFileSync(
  join(projectRoot, "docs/conformance.md"),
  `# Conformance

Look up here which test checks a requirement, and with which result. The requirements come from ASVS, NIST SP 800-63B, the RFCs and incidents of other products;
[security-requirements.md](security-requirements.md) has them at length, and also those that attacks on Sallyport have added (INC-23 and later), whose tests begin with their IDs. \`npm run conformance:table\` writes this page.

\`test/conformance\` checks ${checked} lines over HTTP. It uses an address and an admin key and none of the Worker's code. Other tests of the project check ${held} lines
that cannot be checked over HTTP. ${away} lines do not apply, and ${later} wait for a feature that is not built yet.

To check any running deployment, put \`ADMIN_KEY\` into the environment and run:

\`\`\`sh
npm run conformance -- https://auth.example/api/auth
\`\`\`

The command prints a line for each ID and a summary, and ends with status 1 when a check fails. Lines marked "workerd" need a clock that can be moved, a
dump, or a store that fails, and run with \`npm test\` only. The accounts and realms that the command creates stay, with random names.

${table}
`,
);
const failed = rows.filter((row) => row[3] === "failed");
for (const [id, requirement] of failed) console.error(`FAIL ${id} ${requirement}`);
console.log(
  `${checked} passed, ${failed.length} failed, ${held} tested elsewhere, ${away} do not apply, ${later} not built yet`,
);
process.exitCode = failed.length > 0 ? 1 : 0;

function runSuite(): void {
  spawnSync(
    process.execPath,
    [vitest, "run", "test/conformance", "--reporter=json", `--outputFile=${report}`],
    { cwd: projectRoot, stdio: ["ignore", "ignore", "inherit"] },
  );
}

function describe(line: Line): [test: string, result: string] {
  if ("state" in line) return ["", `${line.state}: ${line.because}`];
  if ("heldBy" in line) return [line.heldBy, `tested there: ${line.because}`];
  const where = line.needs?.length ? `workerd (${line.needs.join(", ")})` : "any deployment";
  return [where, statuses.get(line.id) ?? "failed"];
}
