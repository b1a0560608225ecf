import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Whether the programs are there that draw an SVG and read a QR code. */
export const canDecode = (): boolean =>
  ["rsvg-convert", "zbarimg"].every((program) => spawnSync(program, ["--version"]).status === 0);

/**
 * What the QR codes in SVG documents say.
 *
 * @throws Error from `zbarimg` when a document shows none
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
