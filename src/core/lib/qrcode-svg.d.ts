/** The part of `qrcode-svg` that Sallyport uses; the package has no types of its own. */
declare module "qrcode-svg" {
  export default class QRCode {
    constructor(options: { readonly content: string; readonly ecl: "L" | "M" | "Q" | "H" });
    /** The symbol without a quiet zone: `modules[row][column]`, dark modules true. */
    readonly qrcode: { readonly modules: readonly (readonly boolean[])[] };
  }
}
