declare module "qrcode-svg" {
  export default class QRCode {
    constructor(options: { content: string; ecl: "L" | "M" | "Q" | "H" });
    /** The symbol without its quiet zone, `modules[row][column]`, dark modules true. */
    readonly qrcode: { readonly modules: readonly (readonly boolean[])[] };
  }
}
