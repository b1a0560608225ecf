import { deepStrictEqual } from "node:assert/strict";
import { startLoad } from "../load/load.ts";
import type { Section } from "../report.ts";
import { bundleBenchWorker, startWorkers } from "../workers.ts";
import { canDecode, decodeAll } from "./decode.ts";
import { keyUris } from "./inputs.ts";
import { measureQr, renderWithEach } from "./qr.ts";
import { checkCodes, measureTotp } from "./totp.ts";

const name = "algorithms";

/**
 * Compares the cost of the algorithms with that of common libraries, in workerd.
 *
 * @throws Error when a library's codes differ from RFC 6238, or a QR code does not decode to its text
 */
export async function measureAlgorithms({ rounds }: { rounds: number }): Promise<Section> {
  const workers = await startWorkers([
    { name, bundle: bundleBenchWorker("./algorithms/worker/algorithms.worker.ts") },
  ]);
  const load = startLoad();
  try {
    const { origin } = await workers.url(name);
    await checkCodes(origin);
    const rendered = await renderWithEach(origin);
    const decoded = canDecode();
    if (decoded) {
      for (const [library, documents] of rendered)
        deepStrictEqual(decodeAll(documents), keyUris, `${library}'s QR codes are read as something else`);
    }
    const totp = await measureTotp({ load, origin }, rounds);
    const qrTable = await measureQr({ load, origin }, rendered, rounds);
    return {
      title: "Algorithms beside other libraries",
      tables: [...totp.tables, qrTable],
      notes: [
        "One operation after the other in one isolate of workerd, so each figure is CPU time. " +
          "All libraries compute the codes of RFC 6238, appendix B. A peer can stop at the step that matches. " +
          "Sallyport always computes all three steps, so its time does not reveal which one matched.",
        `QR codes of ${keyUris.length} provisioning URIs, error correction M, a quiet zone of four modules` +
          `${decoded ? "; zbarimg decodes each of them to its URI" : ", not decoded: rsvg-convert or zbarimg is missing"}.`,
      ],
      verdicts: [totp.verdict],
    };
  } finally {
    load.stop();
    await workers.stop();
  }
}
