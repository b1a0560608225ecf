import { describe, expect, it } from "vitest";
import { renderQrSvg } from "../../../src/core/lib/qr.ts";
import { formatOtpauthUri } from "../../../src/core/parsing/key-uri.ts";

const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/** Reads with the platform's URL parser. */
function parseWithUrl(uri: string) {
  const url = new URL(uri);
  const label = url.pathname.replace(/^\/\/totp\/|^\//, "");
  return {
    label: label.split(":").map(decodeURIComponent),
    parameters: Object.fromEntries(url.searchParams),
  };
}

/** Reads with nothing but string operations, a plus sign being a plus sign. */
function parseByHand(uri: string) {
  const [, label = "", query = ""] = /^otpauth:\/\/totp\/([^?]*)\?(.*)$/.exec(uri) ?? [];
  const pairs = query.split("&").map((pair) => pair.split("=").map(decodeURIComponent));
  return { label: label.split(":").map(decodeURIComponent), parameters: Object.fromEntries(pairs) };
}

describe("provisioning URI", () => {
  it("URI-01 is exactly what the format asks for", () => {
    expect(formatOtpauthUri({ issuer: "ACME Co", account: "a+b:c@x.y", secret })).toBe(
      `otpauth://totp/ACME%20Co:a%2Bb%3Ac%40x.y?secret=${secret}&issuer=ACME%20Co&algorithm=SHA1&digits=6&period=30`,
    );
  });

  it.each([
    ["ACME Co", "a+b:c@x.y"],
    ["Sallyport", "alice"],
    ["A:B", "c:d:e"],
    ["50% & more?", "x=y#z/..?q"],
    ["it's (all) *fine*!", "~user_name-1.0"],
    ["Bücher & Söhne", "jürgen@bücher.example"],
    ["日本語", "利用者"],
    ["🚪🚪", "👩‍🚀@x.y"],
    ['"quoted"', "<tag>\\{}|^`"],
    ["%3A", "%20+%2B"],
    [" lead", "trail "],
  ])("URI-01 gives %j and %j back to two independent parsers", (issuer, account) => {
    const uri = formatOtpauthUri({ issuer, account, secret });
    expect(uri).toMatch(/^otpauth:\/\/totp\/[A-Za-z0-9\-._~%]+:[A-Za-z0-9\-._~%]+\?[A-Za-z0-9\-._~%=&]+$/);
    for (const parse of [parseWithUrl, parseByHand]) {
      expect(parse(uri)).toEqual({
        label: [issuer, account],
        parameters: { secret, issuer, algorithm: "SHA1", digits: "6", period: "30" },
      });
    }
  });

  it("URI-05 fits into a QR code whatever the name is: the longest ones are cut between characters", () => {
    const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    for (const character of ["a", "\u4e2d", "\u{1f600}"]) {
      const name = character.repeat(256);
      for (const issuer of ["Sallyport", "\u{1f600}".repeat(32)]) {
        const uri = formatOtpauthUri({ issuer, account: name, secret });
        expect(uri.length).toBeLessThanOrEqual(2328);
        expect(renderQrSvg(uri)).toContain("<path");
        const [, account = ""] = decodeURIComponent(new URL(uri).pathname).split(":");
        if (account !== name)
          expect([account.at(-1), name.startsWith(account.slice(0, -1))]).toEqual(["\u2026", true]);
        expect(new URL(uri).searchParams.get("secret")).toBe(secret);
      }
    }
  });

  it("refuses text that is not Unicode", () => {
    expect(() => formatOtpauthUri({ issuer: "\ud800", account: "a", secret })).toThrow(URIError);
  });
});
