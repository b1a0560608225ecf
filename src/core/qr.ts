import { type Bitmap2D, correction, generate, mode } from "lean-qr";

/** ISO/IEC 18004 asks for four light modules on every side. */
const quietZoneModules = 4;

/** The largest symbol has room for 2331 bytes at error correction M. `core/key-uri.ts` keeps within this. */
const longestText = 2328;

const symbolOptions = {
  minCorrectionLevel: correction.M,
  // Without it the library takes a higher level where there is room.
  maxCorrectionLevel: correction.M,
  // What ASCII text needs. Without them the library also tries Shift-JIS, and builds a table of 8,000 characters for it.
  modes: [mode.numeric, mode.alphaNumeric, mode.ascii],
};

/**
 * A QR code (error correction M) as an SVG document: a white background and one black path, in a view box of one unit
 * a module. It has no size of its own and scales to where it is put; the colours are fixed, because scanners want
 * dark on light in every theme.
 *
 * @param text 1 to 2328 ASCII characters, a provisioning URI for example
 * @throws RangeError when the text is empty, not ASCII or too long
 */
export function renderQrSvg(text: string): string {
  if (!/^[\x20-\x7e]+$/.test(text)) throw new RangeError("A QR code is made of printable ASCII text");
  if (text.length > longestText) throw new RangeError("The text is too long for a QR code");
  const symbol = generate(text, symbolOptions);
  const size = symbol.size + 2 * quietZoneModules;
  // A line of width 1 has its middle half a module below its upper edge.
  const [left, top] = [quietZoneModules, quietZoneModules + 0.5];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">` +
    `<rect width="${size}" height="${size}" fill="#fff"/>` +
    `<path stroke="#000" transform="translate(${left} ${top})" d="${traceModules(symbol)}"/></svg>`
  );
}

/**
 * The SVG document as a URI for `src` of an image: `data:image/svg+xml;base64,…`. Takes ASCII only, as
 * `renderQrSvg` makes it.
 */
export function svgDataUri(svg: string): string {
  return `data:image/svg+xml;base64,${btoa(svg)}`;
}

/** One line for each horizontal run of dark modules, which takes half the bytes of an outline. */
function traceModules(symbol: Bitmap2D): string {
  let path = "";
  for (let row = 0; row < symbol.size; row++) {
    let pen: number | null = null;
    for (let start = 0; start < symbol.size; start++) {
      if (!symbol.get(start, row)) continue;
      let end = start + 1;
      while (symbol.get(end, row)) end++;
      path += `${pen === null ? `M${start} ${row}` : `m${start - pen} 0`}h${end - start}`;
      pen = end;
      start = end;
    }
  }
  return path;
}
