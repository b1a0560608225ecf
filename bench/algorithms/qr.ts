import type { Load } from "../load/load.ts";
import { showRatio, type Table } from "../report.ts";
import { interleave, latencyRatio, p50, spreadOf } from "../rounds.ts";
import { batchSubject } from "./batches.ts";

const libraries = ["sallyport", "qrcode", "uqr"];
const times = 8;

/** Returns the SVG documents that each library renders for `keyUris`, in the same order. */
export async function renderWithEach(origin: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const rendered = new Map<string, readonly string[]>();
  for (const library of libraries) {
    const answer = await fetch(`${origin}/svg/${library}`);
    rendered.set(library, (await answer.json()) as string[]);
  }
  return rendered;
}

/** Compares the time and the SVG bytes of a QR code with those of each peer. There is no target (ADR 0026). */
export async function measureQr(
  place: { load: Load; origin: string },
  rendered: ReadonlyMap<string, readonly string[]>,
  rounds: number,
): Promise<Table> {
  const measured = await interleave(
    libraries.map((name) => batchSubject(name, { ...place, path: `/qr/${name}`, times })),
    rounds,
  );
  const [ours, ...peers] = measured.map((time) => {
    const bytes = (rendered.get(time.name) ?? []).map((svg) => Buffer.byteLength(svg));
    return { time, bytes, average: bytes.reduce((sum, value) => sum + value, 0) / bytes.length };
  });
  if (ours === undefined) throw new Error("Nothing was measured");
  const bytesRatios = (peer: typeof ours) =>
    ours.bytes.map((value, index) => value / (peer.bytes[index] ?? Number.NaN));

  return {
    heading: ["QR code of a provisioning URI", "milliseconds", "our time / theirs", "bytes", "ours / theirs"],
    rows: [ours, ...peers].map((library) => [
      library.time.name,
      p50(library.time).toFixed(2),
      showRatio(latencyRatio(ours.time, library.time)),
      Math.round(library.average).toString(),
      showRatio(spreadOf(bytesRatios(library))),
    ]),
  };
}
