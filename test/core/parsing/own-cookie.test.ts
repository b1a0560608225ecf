import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  findOwnCookie,
  removeNamedCookies,
  setsNamedCookie,
} from "../../../src/core/parsing/cookie-header.ts";

const name = "__Host-sallyport";
const names = [name, `${name}-pending`];
const find = (header: string) => findOwnCookie(header, name);
const remove = (header: string) => removeNamedCookies(header, names);

describe("Sallyport's own cookie in a Cookie header", () => {
  it.each([
    [`${name}=t`, "t"],
    [`a=1; ${name}=t; b=2`, "t"],
    [`a=1;${name}=t;b=2`, "t"],
    [`\t ${name} = t \t`, "t"],
    [`${name}-pending=p; ${name}=t`, "t"],
    [`${name}=1%20%2Fa`, "1 /a"],
    // Two lines of HTTP/1.1, which the runtime joins with a comma.
    [`${name}=t, a=1`, "t"],
    [`a=1; ${name}=t, b=2; c=3`, "t"],
    [`${name}=t1; ${name}=t2`, "t1"],
    [`${name}="x"; ${name}=t`, "t"],
  ])("is read from %j", (header, value) => {
    expect(find(header)).toBe(value);
  });

  it.each([
    "",
    "a=1",
    name,
    `a=1, ${name}=t`,
    `a="x, ${name}=t"`,
    `a="x; ${name}2=t"`,
    `a=x ${name}=t`,
    `"${name}"=t`,
    `${name}="t"`,
    `__host-sallyport=t`,
    `x${name}=t`,
    `=${name}=t`,
    `\u00a0${name}=t`,
    `\u2003${name}=t`,
    `%5F_Host-sallyport=t`,
    `${name}[0]=t`,
    `${name}=%zz`,
    `${name}=t\u0001`,
  ])("INC-39 is not read from %j, which a page of a subdomain could write", (header) => {
    expect(find(header)).toBeUndefined();
  });

  it("INC-32 INC-39 is removed wherever it is read, and every other byte stays", () => {
    const piece = fc.constantFrom(
      ...[
        "a=1",
        ' b="x y"',
        " c=é\uFFFD",
        "d",
        "",
        " ",
        ` ${name}=t`,
        `${name}=t`,
        ` ${name}-pending=p `,
        `"${name}"=t`,
        "==x",
      ],
    );
    const separator = fc.constantFrom(";", ",", ";;");
    fc.assert(
      fc.property(fc.array(fc.tuple(piece, separator), { maxLength: 6 }), (parts) => {
        const header = parts.map(([text, end]) => text + end).join("");
        const left = remove(header) ?? "";
        expect([header, find(left), left.includes("sallyport")]).toEqual([header, undefined, false]);
        if (!header.includes("sallyport")) expect(left).toBe(header);
      }),
    );
  });

  it.each([
    [`a=1; ${name}=t; b="x, y" ; c`, `a=1; b="x, y" ; c`],
    [`${name}=t; a=1`, "a=1"],
    [`${name}=t, a=1;b=2`, "a=1;b=2"],
    [`a=1,${name}=t;b=2`, "a=1;b=2"],
    [`  a=1 ; b= 2  `, `  a=1 ; b= 2  `],
    [`==${name}=t; a=1`, "a=1"],
    [`${name}=t`, null],
    ["", null],
  ])("leaves of %j the cookies %j", (header, left) => {
    expect(remove(header)).toBe(left);
  });

  it("INC-10 is known in Set-Cookie by the rule that removes it from Cookie", () => {
    for (const spelled of [
      name,
      name.toLowerCase(),
      `=${name}`,
      `== ${name}`,
      `%5F_Host-sallyport`,
      `"${name}"`,
    ]) {
      expect([spelled, setsNamedCookie(`${spelled}=x; Path=/`, names)]).toEqual([spelled, true]);
      expect([spelled, remove(`${spelled}=x`)]).toEqual([spelled, null]);
    }
    for (const other of ["a=1; __Host-sallyport", "sallyport=1", `${name}2=1`])
      expect([other, setsNamedCookie(other, names)]).toEqual([other, false]);
  });
});
