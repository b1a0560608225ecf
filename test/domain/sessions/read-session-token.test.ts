import { describe, expect, it } from "vitest";
import type { FullSessionClaims } from "../../../src/core/tokens/session-token.ts";
import type { Deps } from "../../../src/domain/deps.ts";
import { IsolateCache } from "../../../src/domain/isolate-cache.ts";
import { readFullSessionFromToken } from "../../../src/domain/sessions/read-session-token.ts";
import { keyringOf } from "../../support/keyring.ts";
import { signSession } from "../../support/session-token.ts";

const keyring = keyringOf("k1");
/** All that it asks for. */
const deps = { config: { keyring }, cache: new IsolateCache() } as Deps;
const now = new Date("2026-11-22T12:00:00Z");
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);

const mint = (claims: Partial<FullSessionClaims> = {}, by = keyring) =>
  signSession(by, { email: null, expiresAt: later(60), ...claims }, now);

describe("a token that comes again", () => {
  it("is the same session, and it is asked again whether it is over", async () => {
    const token = await mint();
    const session = await readFullSessionFromToken(deps, token, now);
    expect(session?.username).toBe("ada");
    expect(await readFullSessionFromToken(deps, token, later(59.999))).toBe(session);
    expect(await readFullSessionFromToken(deps, token, later(60))).toBeNull();
    // Over for one clock is not over for another: it is not forgotten, and not revived either.
    expect(await readFullSessionFromToken(deps, token, now)).toBe(session);
  });

  it("is found again with copies of the dependencies and of the keyring", async () => {
    const token = await mint();
    const session = await readFullSessionFromToken(deps, token, now);
    const copy = { ...deps, config: { ...deps.config, keyring: { ...keyring } } };
    expect(await readFullSessionFromToken(copy, token, now)).toBe(session);
  });

  it("is remembered under its own keys only", async () => {
    const token = await mint();
    expect(await readFullSessionFromToken(deps, token, now)).not.toBeNull();
    const others = { config: { keyring: keyringOf("k2") }, cache: new IsolateCache() } as Deps;
    expect(await readFullSessionFromToken(others, token, now)).toBeNull();
  });

  it("is remembered to the letter: one letter more or less is another token", async () => {
    const token = await mint();
    expect(await readFullSessionFromToken(deps, token, now)).not.toBeNull();
    for (const other of [token.slice(0, -1), `${token}A`, ` ${token}`, token.toLowerCase()])
      expect(await readFullSessionFromToken(deps, other, now)).toBeNull();
  });

  it("is looked at anew when very many others have come, and says the same", async () => {
    const token = await mint();
    const session = await readFullSessionFromToken(deps, token, now);
    for (let index = 0; index < 1001; index++) await readFullSessionFromToken(deps, await mint(), now);
    const again = await readFullSessionFromToken(deps, token, now);
    expect(again).toEqual(session);
    expect(again).not.toBe(session);
  });
});
