import qrcode from "qrcode";
import * as uqr from "uqr";
import { renderQrSvg } from "../../../src/core/lib/qr.ts";

/** Renders a text as an SVG document with error correction M and a quiet zone of four modules. */
type QrLibrary = (text: string) => string | Promise<string>;

/** Each library is called as documented; `uqr` with the pixel size that gives its shortest document. */
export const qrLibraries: Readonly<Record<string, QrLibrary>> = {
  sallyport: renderQrSvg,
  qrcode: (text) => qrcode.toString(text, { type: "svg", errorCorrectionLevel: "M", margin: 4 }),
  uqr: (text) => uqr.renderSVG(text, { ecc: "M", border: 4, pixelSize: 1 }),
};
