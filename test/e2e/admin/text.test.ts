import assert from "node:assert/strict";
import { describe, it } from "node:test";
import stringWidth from "string-width";
import { type Column, renderTable } from "../../../scripts/admin/table.ts";
import {
  countOf,
  readableTime,
  renderFields,
  safeJson,
  shorten,
  visible,
} from "../../../scripts/admin/text.ts";

const clearScreen = "\x1b[2J";
const bell = "\x07";
const csiOfOneByte = "\x9b31m";
const turnedAround = "\u202egnp.exe";

const two: readonly Column[] = [{ title: "NAME", flexible: true }, { title: "ID" }];

/** What a terminal obeys, and what turns or hides text. Two joiners do neither. */
const obeyed = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

describe("text of others on the operator's terminal", () => {
  it("shows control characters instead of sending them", () => {
    assert.equal(visible(`ada${clearScreen}`), "ada\\x1b[2J");
    assert.equal(visible(`${bell}${csiOfOneByte}`), "\\x07\\x9b31m");
    assert.equal(visible("one\r\ntwo\tthree"), "one\\x0d\\x0atwo\\x09three");
    assert.equal(visible(turnedAround), "\\u{202e}gnp.exe");
    assert.equal(visible("\u2028\ufeff\u200b\ud800"), "\\u{2028}\\u{feff}\\u{200b}\\u{d800}");
  });

  it("leaves what is only foreign as it is", () => {
    for (const name of ["山田太郎", "Zoë", "محمد", "👩‍🚀", "می‌خواهم"]) assert.equal(visible(name), name);
  });

  it("says the same twice", () => {
    const once = visible(`${clearScreen}${turnedAround}`);
    assert.equal(visible(once), once);
  });

  it("keeps every character of every table and field from acting", () => {
    const hostile = Array.from({ length: 0x3000 }, (_, code) => String.fromCharCode(code)).join("");
    const lines = [...renderTable(two, [[hostile, hostile]], 80), ...renderFields([["Name", hostile]])];
    for (const line of lines) assert.doesNotMatch(line, obeyed);
  });

  it("writes JSON that says the same and sends nothing", () => {
    const value = { name: `${clearScreen}${csiOfOneByte}${turnedAround}\u2028\u{e0041}👩‍🚀` };
    assert.deepEqual(JSON.parse(safeJson(value)), value);
    assert.doesNotMatch(safeJson(value), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  });
});

describe("tables", () => {
  const columns: readonly Column[] = [
    { title: "NAME", flexible: true },
    { title: "ID" },
    { title: "SCOPES", flexible: true },
  ];
  const rows = [
    ["山田太郎さん", "42", "users:read users:write verify admin"],
    ["ada", "0d6f9a52-6b1c-4a57-8f55-2b1a4a1e9c11", "verify"],
  ];

  it("align their columns, wide characters counted as two", () => {
    const lines = renderTable(columns, rows, null);
    const beginnings = lines.map((line) => {
      const before = line.slice(0, line.search(/SCOPES|users:read|verify$/));
      return stringWidth(before);
    });
    assert.deepEqual(new Set(beginnings).size, 1);
  });

  it("fit the terminal, break the last column at its spaces, and leave ids whole", () => {
    const lines = renderTable(columns, rows, 62);
    for (const line of lines) assert.ok(stringWidth(line) <= 62, line);
    assert.ok(lines.some((line) => line.includes("0d6f9a52-6b1c-4a57-8f55-2b1a4a1e9c11")));
    const words = lines.join(" ").split(/\s+/);
    for (const scope of ["users:read", "users:write", "verify", "admin"])
      assert.ok(words.includes(scope), scope);
  });

  it("shorten nothing for a program", () => {
    const name = "x".repeat(300);
    assert.ok(renderTable(two, [[name, "1"]], null)[1]?.startsWith(`${name}  1`));
  });

  it("never cut a character in two", () => {
    assert.equal(shorten("山田太郎", 5), "山田…");
    assert.equal(shorten("👩‍🚀👩‍🚀👩‍🚀", 4), "👩‍🚀…");
    assert.equal(shorten("ada", 3), "ada");
  });
});

describe("times", () => {
  it("are shown to the second, in UTC, and what is none as it is", () => {
    assert.equal(readableTime("2026-11-22T09:30:12.345Z"), "2026-11-22 09:30:12Z");
    assert.equal(readableTime("soon"), "soon");
  });

  it("counts one and several", () => {
    assert.deepEqual(
      [countOf(1, "entry"), countOf(2, "entry"), countOf(0, "line"), countOf(1000, "key")],
      ["1 entry", "2 entries", "0 lines", "1,000 keys"],
    );
  });
});
