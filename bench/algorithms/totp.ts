import { deepStrictEqual } from "node:assert/strict";
import vectors from "../../test/vectors/rfc6238-appendix-b.json" with { type: "json" };
import type { Load } from "../load/load.ts";
import { showRatio, type Table, type Verdict } from "../report.ts";
import { interleave, latencyRatio, type Measured, p50 } from "../rounds.ts";
import { batchSubject } from "./batches.ts";

const peers = ["otplib", "otpauth", "oslo"];
const operations = ["generate", "middle", "oldest", "wrong"] as const;
const forms = ["base32", "bytes"] as const;
const floor = "import-sign-3";
const times = 500;

const words = {
  generate: "a code",
  middle: "verify, the code of the current step",
  oldest: "verify, the code of the previous step",
  wrong: "verify, a wrong code: three steps",
  import: "import of a key",
  sign: "signature",
  "import-sign": "import and signature",
  [floor]: "import and three signatures",
} as const;

interface Place {
  readonly load: Load;
  readonly origin: string;
}

/** The results for an operation with one form of the secret: Sallyport, WebCrypto alone, and the peers. */
interface Case {
  readonly operation: (typeof operations)[number];
  readonly form: (typeof forms)[number];
  readonly ours: Measured;
  readonly bare: Measured;
  readonly theirs: readonly Measured[];
}

/** @throws Error when the codes of a library differ from RFC 6238 appendix B */
export async function checkCodes(origin: string): Promise<void> {
  const codes = vectors.rows.map((row) => row.code);
  for (const library of ["sallyport", ...peers]) {
    const answer = await fetch(`${origin}/codes/${library}`);
    deepStrictEqual(await answer.json(), codes, `${library} does not give the codes of RFC 6238`);
  }
}

/** Measures TOTP in Sallyport, in the peers, and in WebCrypto alone. */
export async function measureTotp(
  place: Place,
  rounds: number,
): Promise<{ tables: readonly Table[]; verdict: Verdict }> {
  const cases: Case[] = [];
  for (const form of forms) {
    for (const operation of operations) cases.push(await measureCase(place, { operation, form }, rounds));
  }
  return { tables: [tableOf(cases), await measureFloors(place, rounds)], verdict: verdictOf(cases) };
}

/** Measures one case. The compared subjects alternate, so that they run at about the same time. */
async function measureCase(
  place: Place,
  { operation, form }: Pick<Case, "operation" | "form">,
  rounds: number,
): Promise<Case> {
  const of = (library: string) =>
    batchSubject(library, { ...place, path: `/totp/${library}/${operation}/${form}`, times });
  const bareSubject = batchSubject(floor, { ...place, path: `/hmac/${floor}`, times });
  const measured = await interleave([of("sallyport"), bareSubject, ...peers.map(of)], rounds);
  const [ours, bare, ...theirs] = measured;
  if (ours === undefined || bare === undefined) throw new Error("Nothing was measured");
  return { operation, form, ours, bare, theirs };
}

const ratePerSecond = (of: Measured) => Math.round(1000 / p50(of)).toLocaleString("en");

function tableOf(cases: readonly Case[]): Table {
  return {
    heading: [
      "operations a second, and our time / theirs",
      "secret as",
      "sallyport",
      ...peers,
      `our time / ${words[floor]}`,
    ],
    rows: cases.map(({ operation, form, ours, bare, theirs }) => [
      words[operation],
      form,
      ratePerSecond(ours),
      ...theirs.map((peer) => `${ratePerSecond(peer)}; ${showRatio(latencyRatio(ours, peer))}`),
      showRatio(latencyRatio(ours, bare)),
    ]),
  };
}

async function measureFloors(place: Place, rounds: number): Promise<Table> {
  const names = ["import", "sign", "import-sign", floor] as const;
  const measured = await interleave(
    names.map((name) => batchSubject(words[name], { ...place, path: `/hmac/${name}`, times })),
    rounds,
  );
  return {
    heading: ["WebCrypto alone, HMAC with SHA-1", "operations a second"],
    rows: measured.map((of) => [of.name, ratePerSecond(of)]),
  };
}

/** Compares the operation for which every library computes three time steps. */
function verdictOf(cases: readonly Case[]): Verdict {
  const compared = cases
    .filter(({ operation }) => operation === "wrong")
    .map(({ form, ours, theirs }) => {
      const fastest = theirs.reduce((best, peer) => (p50(peer) < p50(best) ? peer : best));
      return { form, peer: fastest.name, ratio: latencyRatio(ours, fastest) };
    });
  return {
    target: "TOTP verify (three steps) at least as fast as the fastest peer library",
    measured: compared
      .map(({ form, peer, ratio }) => `${showRatio(ratio)} of the time of ${peer} (secret as ${form})`)
      .join("; "),
    met: compared.every(({ ratio }) => ratio.median <= 1),
  };
}
