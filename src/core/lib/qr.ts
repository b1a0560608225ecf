import QRCode from "qrcode-svg";

/** ISO/IEC 18004 asks for four light modules on every side. */
const quietZoneModules = 4;

/**
 * The largest symbol has room for 2331 bytes at error correction M, and `qrcode-svg` uses three less. `core/parsing/key-uri.ts`
 * shortens its URIs to this length.
 */
const maxTextCharacters = 2328;

/**
 * Renders a QR code (error correction M) as an SVG document: a white background and one black path, in a view box with one
 * unit for each module. It has no fixed size. The colours are fixed, because scanners need dark on light in every theme.
 *
 * @param text 1 to 2328 ASCII characters, a provisioning URI for example
 * @throws RangeError when the text is empty, not ASCII or too long
 */
export function renderQrSvg(text: string): string {
  if (!/^[\x20-\x7e]+$/.test(text)) throw new RangeError("A QR code is made of printable ASCII text");
  if (text.length > maxTextCharacters) throw new RangeError("The text is too long for a QR code");
  const { modules } = new QRCode({ content: text, ecl: "M" }).qrcode;
  const size = modules.length + 2 * quietZoneModules;
  // The centre of a line of width 1 is half a module below the upper edge of its row.
  const [left, top] = [quietZoneModules, quietZoneModules + 0.5];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">` +
    `<rect width="${size}" height="${size}" fill="#fff"/>` +
    `<path stroke="#000" transform="translate(${left} ${top})" d="${traceModules(modules)}"/></svg>`
  );
}

/** Returns an SVG document as a URI for `src` of an image: `data:image/svg+xml;base64,…`. The document must be ASCII. */
export function formatSvgDataUri(svg: string): string {
  return `data:image/svg+xml;base64,${btoa(svg)}`;
}

/**
 * Returns path data with one line for each horizontal run of dark modules, which takes half the bytes of an outline. The
 * SVG that `qrcode-svg` itself renders is not used: it swaps rows and columns, and some scanners cannot read a mirrored code.
 */
function traceModules(modules: readonly (readonly boolean[])[]): string {
  let path = "";
  for (const [row, cells] of modules.entries()) {
    let pen: number | null = null;
    for (let start = 0; start < cells.length; start++) {
      if (!cells[start]) continue;
      let end = start + 1;
      while (cells[end]) end++;
      path += `${pen === null ? `M${start} ${row}` : `m${start - pen} 0`}h${end - start}`;
      pen = end;
      start = end;
    }
  }
  return path;
}
