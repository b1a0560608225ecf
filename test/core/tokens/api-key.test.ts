import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatApiKeyPrefix,
  generateApiKey,
  hasValidApiKeyIdMac,
  parseApiKeyId,
} from "../../../src/core/tokens/api-key.ts";
import { keyringOf, randomKey } from "../../support/keyring.ts";

const keyring = keyringOf("k1");

describe("an API key", () => {
  it("CR-09 has an id to show and 256 random bits to keep", async () => {
    const { id, key } = await generateApiKey(keyring);
    expect(id).toMatch(/^[a-z2-7]{16}$/);
    expect(key.startsWith(`${formatApiKeyPrefix(id)}_`)).toBe(true);
    const secret = key.slice(formatApiKeyPrefix(id).length + 1);
    expect(Buffer.from(secret, "base64url")).toHaveLength(32);
    expect(parseApiKeyId(key)).toBe(id);
  });

  it("is never the same twice, in neither part", async () => {
    const drawn = await Promise.all(Array.from({ length: 2000 }, () => generateApiKey(keyring)));
    expect(new Set(drawn.map(({ id }) => id)).size).toBe(2000);
    expect(new Set(drawn.map(({ id, key }) => key.slice(id.length))).size).toBe(2000);
  });

  it("has an id in which every character is as likely as any other", async () => {
    const seen = new Map<string, number>();
    const drawn = await Promise.all(Array.from({ length: 4000 }, () => generateApiKey(keyring)));
    const characters = drawn.map(({ id }) => id).join("");
    for (const character of characters) seen.set(character, (seen.get(character) ?? 0) + 1);
    expect(seen.size).toBe(32);
    const expected = characters.length / 32;
    const chiSquare = [...seen.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    // 31 degrees of freedom: more than 90 happens once in ten million runs.
    expect(chiSquare).toBeLessThan(90);
  });

  it.each([
    ["nothing", () => ""],
    ["its prefix alone", (key: string) => key.slice(0, 19)],
    ["one character too few", (key: string) => key.slice(0, -1)],
    ["one too many", (key: string) => `${key}A`],
    ["a line behind it", (key: string) => `${key}\n`],
    ["a space before it", (key: string) => ` ${key}`],
    ["upper case", (key: string) => key.toUpperCase()],
    ["another prefix", (key: string) => key.replace("sp_", "sk_")],
    ["an id of other characters", (key: string) => key.replace(/_./, "_1")],
    ["a secret with a sign of plain base64", (key: string) => `${key.slice(0, -1)}+`],
    ["padding", (key: string) => `${key.slice(0, -1)}=`],
    ["two keys", (key: string) => key + key],
  ])("is not read from %s", async (_, write) => {
    expect(parseApiKeyId(write((await generateApiKey(keyring)).key))).toBeNull();
  });

  it("INC-30 has an id with a mark of this deployment, under any key of KEYRING", async () => {
    const [old, current] = [randomKey(), randomKey()];
    const { id } = await generateApiKey(keyringOf(`k1:${old}`));
    expect(await hasValidApiKeyIdMac(keyringOf(`k1:${old}`), id)).toBe(true);
    expect(await hasValidApiKeyIdMac(keyringOf(`k2:${current}`, `k1:${old}`), id)).toBe(true);
    expect(await hasValidApiKeyIdMac(keyringOf(`k2:${current}`), id)).toBe(false);
    const other = id.startsWith("a") ? `b${id.slice(1)}` : `a${id.slice(1)}`;
    for (const invented of [other, "a".repeat(16), `${id.slice(0, 11)}${"a".repeat(5)}`, id.slice(0, 11), ""])
      expect([invented, await hasValidApiKeyIdMac(keyringOf(`k1:${old}`), invented)]).toEqual([
        invented,
        false,
      ]);
  });

  it("is not read from whatever else there is", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => parseApiKeyId(text) === null));
  });
});
