/**
 * `npm run conformance -- https://auth.example/api/auth`: checks a running deployment against every security requirement that can be
 * tested over HTTP. `ADMIN_KEY` must be set. Prints one line for each ID and a summary. Exit status 1 when a check
 * fails. It creates its own accounts, realms and API keys, and does not delete them.
 */
import { Deployment } from "../test/conformance/deployment.ts";
import type { CheckedLine, Line } from "../test/conformance/line.ts";
import { lines } from "../test/conformance/lines.ts";
import { visible } from "./admin/text.ts";

const [address, only] = process.argv.slice(2);
const { ADMIN_KEY: adminKey } = process.env;
/** The deployment's clock minus the local clock, in milliseconds. */
let clockOffset = 0;
const url = address === undefined ? null : URL.parse(address);
if (url === null || adminKey === undefined) {
  console.error("usage: ADMIN_KEY=… npm run conformance -- https://host/api/auth [ID]");
  process.exit(2);
}

const deployment = new Deployment({
  fetch,
  origin: url.origin,
  basePath: url.pathname.replace(/\/+$/, "") || "/api/auth",
  adminKey,
  now: () => Date.now() + clockOffset,
  powers: [],
});
const marks = { passed: "ok  ", failed: "FAIL", workerd: "here", elsewhere: "unit", out: "  - " } as const;
const counts = { passed: 0, failed: 0, workerd: 0, elsewhere: 0, out: 0 };

const health = await deployment.ask("/health").catch((error: unknown) => error);
if (health instanceof Error || (health as { status: number }).status !== 200) {
  console.error(`${deployment.base}/health does not answer with 200.`);
  process.exit(2);
}
clockOffset = Date.parse((health as { headers: Headers }).headers.get("Date") ?? "") - Date.now() || 0;
if (Math.abs(clockOffset) < 2000) clockOffset = 0;

// The checks spend most of their time waiting for the next code, so several run concurrently.
const atOnce = 4;
const chosen = lines.filter(({ id }) => only === undefined || id === only);
const results = chosen.map(() => Promise.withResolvers<Result>());
let next = 0;
const workers = Array.from({ length: atOnce }, async () => {
  for (let index = next++; index < chosen.length; index = next++) {
    const line = chosen[index];
    if (line !== undefined) results[index]?.resolve(await judge(line));
  }
});

for (const [index, { id, requirement }] of chosen.entries()) {
  const { result, why } = (await results[index]?.promise) ?? { result: "failed", why: "not run" };
  counts[result] += 1;
  console.log(
    `${marks[result]}  ${id.padEnd(7)} ${requirement}${why === "" ? "" : `\n              ${visible(why)}`}`,
  );
}
await Promise.all(workers);
const { passed, failed, workerd, elsewhere, out } = counts;
console.log(
  `\n${passed} passed, ${failed} failed, ${workerd} in workerd only, ${elsewhere} tested elsewhere, ${out} left out with a reason`,
);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

interface Result {
  readonly result: keyof typeof counts;
  readonly why: string;
}

async function judge(line: Line): Promise<Result> {
  if ("state" in line) return { result: "out", why: `${line.state}: ${line.because}` };
  if ("heldBy" in line) return { result: "elsewhere", why: `${line.heldBy}: ${line.because}` };
  if (line.needs?.length)
    return { result: "workerd", why: `needs ${line.needs.join(", ")}: run by npm test` };
  return run(line);
}

async function run(line: CheckedLine): Promise<Result> {
  try {
    await line.check(deployment);
    return { result: "passed", why: "" };
  } catch (error) {
    return { result: "failed", why: error instanceof Error ? error.message : String(error) };
  }
}
