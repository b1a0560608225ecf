import { describe, expect, it } from "vitest";
import { findReturnAddress, withAnswer } from "../../src/core/return-address.ts";

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
    expect(findReturnAddress(input, listed)).toBe(expected);
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
    // A query that could be taken for an answer.
    "https://shop.example/confirmed?challenge=1",
    "https://shop.example/confirmed?a=1&receipt=x",
    "https://shop.example/confirmed?%72eceipt=x",
  ])("INC-09 WB-04 may not be %s", (input) => {
    expect(findReturnAddress(input, listed)).toBeNull();
  });

  it("may be none where none is listed", () => {
    expect(findReturnAddress("https://shop.example/confirmed", [])).toBeNull();
  });

  it.each([
    ["https://shop.example/", "https://shop.example/?challenge=c&receipt=r.s_-"],
    ["https://shop.example/?a=b%20c+d&&=", "https://shop.example/?a=b%20c+d&&=&challenge=c&receipt=r.s_-"],
    ["https://shop.example/?#x?y", "https://shop.example/?challenge=c&receipt=r.s_-#x?y"],
  ])("%s keeps what it has when it is answered", (address, expected) => {
    expect(withAnswer(address, { challenge: "c", receipt: "r.s_-" })).toBe(expected);
  });
});
