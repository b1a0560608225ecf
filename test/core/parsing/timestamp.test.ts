import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTimestamp } from "../../../src/core/parsing/timestamp.ts";

describe("a time that a client sends", () => {
  it.each([
    ["2026-11-22T09:30:00Z", "2026-11-22T09:30:00.000Z"],
    ["2026-11-22t09:30:00z", "2026-11-22T09:30:00.000Z"],
    ["2026-11-22T09:30:00+00:00", "2026-11-22T09:30:00.000Z"],
    ["2026-11-22T09:30:00-00:00", "2026-11-22T09:30:00.000Z"],
    ["2026-11-22T04:00:00-05:30", "2026-11-22T09:30:00.000Z"],
    ["2026-11-23T00:15:00+14:45", "2026-11-22T09:30:00.000Z"],
    ["2026-11-22T09:30:00.5Z", "2026-11-22T09:30:00.500Z"],
    ["2026-11-22T09:30:00.999999999999999999999999Z", "2026-11-22T09:30:00.999Z"],
    [`2026-11-22T09:30:00.${"0".repeat(5000)}Z`, "2026-11-22T09:30:00.000Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
    ["0099-01-01T00:00:00Z", "0099-01-01T00:00:00.000Z"],
    ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"],
    // The leap seconds that RFC 3339 5.8 has as examples.
    ["1990-12-31T23:59:60Z", "1991-01-01T00:00:00.000Z"],
    ["1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.000Z"],
  ])("is read in the form %s", (text, utc) => {
    expect(parseTimestamp(text)?.toISOString()).toBe(utc);
  });

  it.each([
    "",
    "now",
    "1732267800",
    "2026-11-22",
    "2026-11-22T09:30Z",
    "2026-11-22T09:30:00",
    "2026-11-22 09:30:00Z",
    "2026-11-22T09:30:00 00:00",
    "2026-11-22T09:30:00+0000",
    "2026-11-22T09:30:00+24:00",
    "2026-11-22T09:30:00+01:60",
    "2026-11-22T09:30:00.Z",
    "2026-11-22T09:30:00,5Z",
    "2026-11-22T24:00:00Z",
    "2026-11-22T09:60:00Z",
    "2026-11-22T09:30:61Z",
    "2026-11-22T09:30:60Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-11-31T00:00:00Z",
    "2026-11-00T00:00:00Z",
    "2025-02-29T00:00:00Z",
    "+002026-11-22T09:30:00Z",
    "20261122T093000Z",
    "２０２６-11-22T09:30:00Z",
    " 2026-11-22T09:30:00Z",
    "2026-11-22T09:30:00Z\n",
    // In UTC these have no year of four digits.
    "0000-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "9999-12-31T23:59:60Z",
  ])("is not %j", (text) => {
    expect(parseTimestamp(text)).toBeNull();
  });

  it("is the same time with every offset", () => {
    const minutes = fc.integer({ min: -1439, max: 1439 });
    const dates = fc.date({ min: new Date("0001-01-02"), max: new Date("9999-12-30"), noInvalidDate: true });
    fc.assert(
      fc.property(dates, minutes, (date, offset) => {
        const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1);
        const [hours, rest] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
        const zone = `${offset < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}:${String(rest).padStart(2, "0")}`;
        expect(parseTimestamp(local + zone)?.getTime()).toBe(date.getTime());
      }),
    );
  });
});
