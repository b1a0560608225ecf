import { describe, expect, it } from "vitest";
import { formatSvgDataUri, renderQrSvg } from "../../../src/core/lib/qr.ts";
import { formatOtpauthUri } from "../../../src/core/parsing/key-uri.ts";

const uri = formatOtpauthUri({
  issuer: "ACME Co",
  account: "a@x.y",
  secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
});

/** The modules of a rendered symbol with its quiet zone: `modules[row][column]`, dark modules true. */
function readModules(svg: string): boolean[][] {
  const size = Number(/viewBox="0 0 (\d+) \1"/.exec(svg)?.[1]);
  const [, left, top] = /translate\((\d+) (\d+)\.5\)/.exec(svg) ?? [];
  const modules = Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
  let [x, y] = [0, 0];
  for (const [, command, first, second, length] of svg.matchAll(/([Mm])(\d+) (\d+)h(\d+)/g)) {
    [x, y] = command === "M" ? [Number(first), Number(second)] : [x + Number(first), y + Number(second)];
    modules[y + Number(top)]?.fill(true, x + Number(left), x + Number(left) + Number(length));
    x += Number(length);
  }
  return modules;
}

describe("QR code", () => {
  it("URI-05 is one black path on a white background in a square view box", () => {
    const svg = renderQrSvg(uri);
    expect(svg).toMatch(
      /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 (\d+) \1" shape-rendering="crispEdges"><rect width="\1" height="\1" fill="#fff"\/><path stroke="#000" transform="translate\(4 4\.5\)" d="(?:M\d+ \d+h\d+(?:m\d+ 0h\d+)*)+"\/><\/svg>$/,
    );
    expect(svg).not.toContain("style");
  });

  it("URI-05 is the smallest symbol that has room for the text and the three bytes that qrcode-svg keeps free", () => {
    // ISO/IEC 18004, table 7: at error correction M, version 7 (45 modules a side) takes 122 bytes, and version 8 takes 152.
    expect(renderQrSvg("a".repeat(119))).toContain('viewBox="0 0 53 53"');
    expect(renderQrSvg("a".repeat(120))).toContain('viewBox="0 0 57 57"');
  });

  it("URI-05 has a quiet zone of four modules on every side", () => {
    const modules = readModules(renderQrSvg(uri));
    const last = modules.length - 1;
    for (const [row, cells] of modules.entries()) {
      for (const [column, dark] of cells.entries()) {
        const margin = Math.min(row, column, last - row, last - column);
        if (margin < 4) expect(dark).toBe(false);
      }
    }
    expect(modules[4]?.slice(4, 11)).toEqual(new Array(7).fill(true));
  });

  it("URI-05 says error correction M in its format bits, which a mirrored symbol would not", () => {
    // ISO/IEC 18004 7.9: the first five format bits lie in row 8, columns 0 to 4, masked with 10101.
    const row = readModules(renderQrSvg(uri))[4 + 8]?.slice(4, 6);
    const level = (row ?? []).map((dark, index) => dark !== (index === 0));
    expect(level).toEqual([false, false]);
  });

  it("URI-04 becomes an image that needs no request", () => {
    const svg = renderQrSvg(uri);
    const dataUri = formatSvgDataUri(svg);
    expect(dataUri.startsWith("data:image/svg+xml;base64,")).toBe(true);
    expect(atob(dataUri.slice("data:image/svg+xml;base64,".length))).toBe(svg);
  });

  it("takes 2328 characters and no more", () => {
    expect(renderQrSvg("a".repeat(2328))).toContain('viewBox="0 0 185 185"');
    expect(() => renderQrSvg("a".repeat(2329))).toThrow("too long");
  });

  it.each(["", "ü", "a\n", "🚪"])("refuses %j", (text) => {
    expect(() => renderQrSvg(text)).toThrow(RangeError);
  });
});
