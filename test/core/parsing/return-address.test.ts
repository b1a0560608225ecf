import { describe, expect, it } from "vitest";
import {
  addChallengeResultParameters,
  parseListedReturnAddress,
} from "../../../src/core/parsing/return-address.ts";

const listed = ["https://shop.example/confirmed", "http://localhost:3000/", "https://pay.example:8443/a/b/"];

describe("an address to return to", () => {
  it.each([
    ["https://shop.example/confirmed", "https://shop.example/confirmed"],
    ["https://shop.example/confirmed/", "https://shop.example/confirmed/"],
    ["https://shop.example/confirmed/7?a=b%20c+d#top", "https://shop.example/confirmed/7?a=b%20c+d#top"],
    ["HTTPS://SHOP.example:443/confirmed", "https://shop.example/confirmed"],
    ["https://shop.example/x/../confirmed/./7", "https://shop.example/confirmed/7"],
    ["https://shop.example/confirmed/%41%20b", "https://shop.example/confirmed/%41%20b"],
    ["http://localhost:3000", "http://localhost:3000/"],
    ["http://localhost:3000/anything", "http://localhost:3000/anything"],
    ["https://pay.example:8443/a/b/", "https://pay.example:8443/a/b/"],
    ["https://pay.example:8443/a/b/c", "https://pay.example:8443/a/b/c"],
  ])("may be %s", (input, expected) => {
    expect(parseListedReturnAddress(input, listed)).toEqual({ ok: true, address: expected });
  });

  it.each([
    // Another origin.
    "http://shop.example/confirmed",
    "https://shop.example:444/confirmed",
    "https://shop.example.evil.example/confirmed",
    "https://evil.example/https://shop.example/confirmed",
    "https://evil.example\\@shop.example/confirmed",
    "https://localhost:3000/",
    "http://localhost:3001/",
    "//shop.example/confirmed",
    "/confirmed",
    "javascript:alert(1)//https://shop.example/confirmed",
    "data:text/html,https://shop.example/confirmed",
    "blob:https://shop.example/confirmed",
    "file:///confirmed",
    "",
    "null",
    // Somebody's name in it.
    "https://shop.example@evil.example/confirmed",
    "https://ada@shop.example/confirmed",
    "https://ada:x@shop.example/confirmed",
    "https://:x@shop.example/confirmed",
    // Another path.
    "https://shop.example/",
    "https://shop.example/confirmedly",
    "https://shop.example/confirmed.html",
    "https://shop.example/confirme",
    "https://shop.example/CONFIRMED",
    "https://shop.example/confirmed/../admin",
    "https://shop.example/confirmed/%2e%2e/admin",
    "https://pay.example:8443/a/b",
    "https://pay.example:8443/a/",
    // A path that somebody reads as another one (INC-09).
    "https://shop.example/confirmed/..%2fadmin",
    "https://shop.example/confirmed/%252e%252e/admin",
    "https://shop.example/confirmed/..%5cadmin",
    "https://shop.example/confirmed/..;/admin",
    "https://shop.example/confirmed/%00",
    "https://shop.example/confirmed/%zz",
  ])("INC-09 WB-04 may not be %s", (input) => {
    expect(parseListedReturnAddress(input, listed)).toEqual({ ok: false, reason: "not_listed" });
  });

  it.each(
    [
      ["?NAME=x", "?a=1&NAME=x", "?NAME", "?NAME=", "?=&&NAME=x&NAME=y"],
      // In another spelling.
      ["?NAME%00=x", "?NAME%20=x", "?+NAME=x", '?"NAME"=x', "?%22NAME%22=x"],
      // As frameworks read a list, an object or its member.
      [
        "?NAME[]=x",
        "?NAME[0]=x",
        "?NAME%5B%5D=x",
        "?NAME%255b%255d=x",
        "?NAME[a][b]=x",
        "?NAME.x=1",
        "?NAME:x=1",
      ],
      // Behind another separator.
      ["?a=1;NAME=x", "?;NAME=x", "?a=1%3bNAME=x", "?a=1%26NAME=x", "?a=1%zz%26NAME=x", "?b=/c?NAME=x"],
      // Beside the query.
      ["/;NAME=x", "/7;a=1;NAME=x?b=2", "#NAME=x", "#/done?NAME=x", "?a#b&NAME[]=x"],
    ].flat(),
  )("INC-37 brings no answer of its own: %s", (form) => {
    for (const name of ["challenge", "receipt"]) {
      const escaped = `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`;
      const spellings = [
        name,
        name.toUpperCase(),
        escaped,
        escaped.replace("%", "%25"),
        escaped.replace("%", "%u00"),
        name.replace("e", "\uff45"),
      ];
      for (const spelling of spellings) {
        const input = `https://shop.example/confirmed${form.replaceAll("NAME", spelling)}`;
        // `%u` is no escape in a path, which is then refused as one that can't be read.
        const reason = /^\/.*%u/.test(form + spelling) ? "not_listed" : "has_result_parameter";
        expect([input, parseListedReturnAddress(input, listed)]).toEqual([input, { ok: false, reason }]);
      }
    }
  });

  it.each([
    "?receipt_id=7&challenges=1&my-receipt=2&receipt-no=3",
    "?a=receipt&b=challenge=1",
    "?next=%2Fdone%3Freceipts%3D1",
    "#receipts",
    "/receipt/challenge",
  ])("may have other names that look alike: %s", (form) => {
    const input = `https://shop.example/confirmed${form}`;
    expect(parseListedReturnAddress(input, listed)).toEqual({ ok: true, address: input });
  });

  it("may be none where none is listed", () => {
    expect(parseListedReturnAddress("https://shop.example/confirmed", [])).toEqual({
      ok: false,
      reason: "not_listed",
    });
  });

  it.each([
    ["https://shop.example/", "https://shop.example/?challenge=c&receipt=r.s_-"],
    ["https://shop.example/?a=b%20c+d&&=", "https://shop.example/?a=b%20c+d&&=&challenge=c&receipt=r.s_-"],
    ["https://shop.example/?#x?y", "https://shop.example/?challenge=c&receipt=r.s_-#x?y"],
  ])("%s keeps what it has when it is answered", (address, expected) => {
    expect(addChallengeResultParameters(address, { challenge: "c", receipt: "r.s_-" })).toBe(expected);
  });
});
