import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** True when the programs that render an SVG and decode a QR code are installed. */
export const canDecode = (): boolean =>
  ["rsvg-convert", "zbarimg"].every((program) => spawnSync(program, ["--version"]).status === 0);

/**
 * Returns the decoded texts of the QR codes in SVG documents.
 *
 * @throws Error from `zbarimg` when a document contains no QR code
 */
export function decodeAll(documents: readonly string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-qr-"));
  try {
    return documents.map((svg, index) => {
      const [drawing, picture] = [join(folder, `${index}.svg`), join(folder, `${index}.png`)];
      writeFileSync(drawing, svg);
      execFileSync("rsvg-convert", ["--width", "400", "--output", picture, drawing]);
      const words = execFileSync("zbarimg", ["--nodbus", "--raw", "--quiet", picture], { encoding: "utf8" });
      return words.trimEnd();
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
