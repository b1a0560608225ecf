import QRCode from "qrcode-svg";

/** ISO/IEC 18004 asks for four light modules on every side. */
const quietZoneModules = 4;

/**
 * A QR code (error correction M) as an SVG document: a white background and one black path, in a view box of one unit
 * a module. It has no size of its own and scales to where it is put; the colours are fixed, because scanners want
 * dark on light in every theme.
 *
 * @param text 1 to 2328 ASCII characters, a provisioning URI for example
 * @throws RangeError when the text is empty or not ASCII: the library puts a byte order mark before other text
 * @throws Error from the library when the text is too long for the largest symbol
 */
export function renderQrSvg(text: string): string {
  if (!/^[\x20-\x7e]+$/.test(text)) throw new RangeError("A QR code is made of printable ASCII text");
  const { modules } = new QRCode({ content: text, ecl: "M" }).qrcode;
  const size = modules.length + 2 * quietZoneModules;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">` +
    `<rect width="${size}" height="${size}" fill="#fff"/><path fill="#000" d="${traceModules(modules)}"/></svg>`
  );
}

/**
 * The SVG document as a URI for `src` of an image: `data:image/svg+xml;base64,…`. Takes ASCII only, as
 * `renderQrSvg` makes it.
 */
export function svgDataUri(svg: string): string {
  return `data:image/svg+xml;base64,${btoa(svg)}`;
}

/**
 * One rectangle for each horizontal run of dark modules. The library's own SVG swaps rows and columns, which mirrors
 * the symbol, and not every scanner reads a mirrored one.
 */
function traceModules(modules: readonly (readonly boolean[])[]): string {
  let path = "";
  for (const [row, cells] of modules.entries()) {
    for (let start = 0; start < cells.length; start++) {
      if (!cells[start]) continue;
      let end = start + 1;
      while (cells[end]) end++;
      path += `M${start + quietZoneModules} ${row + quietZoneModules}h${end - start}v1h-${end - start}z`;
      start = end;
    }
  }
  return path;
}
