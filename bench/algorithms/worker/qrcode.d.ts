declare module "qrcode" {
  const qrcode: {
    toString(
      text: string,
      options: { type: "svg"; errorCorrectionLevel: "L" | "M" | "Q" | "H"; margin: number },
    ): Promise<string>;
  };
  export default qrcode;
}
