import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { signAssertion } from "../../../src/core/tokens/assertion.ts";
import { hasSallyportBearerToken } from "../../../src/core/tokens/own-token.ts";
import { signReceipt } from "../../../src/core/tokens/receipt.ts";
import { generateSessionSecret, signPendingSessionToken } from "../../../src/core/tokens/session-token.ts";
import { keyringOf } from "../../support/keyring.ts";
import { signSession } from "../../support/session-token.ts";

const now = new Date("2026-11-22T12:00:00Z");
const keyring = keyringOf("k1");
const claims = { sessionSecret: generateSessionSecret(), username: "ada", expiresAt: now };

const full = (kid = "k1") => signSession(keyringOf(kid), { ...claims, email: null, amr: ["pwd"] }, now);
const challenge = {
  id: "c",
  userId: "u",
  realm: "shop",
  action: null,
  nonce: null,
  returnTo: "https://a.test/",
};

const own: [string, () => Promise<string>][] = [
  ["a full session", () => full()],
  ["a full session under a key of another length of name", () => full("k")],
  ["a full session under a key with a long name", () => full("key-of-2026-11")],
  ["a pending session", () => signPendingSessionToken(keyring, claims, now)],
  ["a hosted challenge", () => signPendingSessionToken(keyring, { ...claims, challenge }, now)],
  [
    "a pending session, without its prefix",
    async () => (await signPendingSessionToken(keyring, claims, now)).slice(8),
  ],
  ["an API key", async () => `sp_${"a2".repeat(8)}_${"B-_9".repeat(10)}abc`],
];

describe("Authorization", () => {
  it.each(own)("INC-32 carries a token of ours with %s, however it is written", async (_what, draw) => {
    const token = await draw();
    for (const header of [
      `Bearer ${token}`,
      `bearer   ${token}`,
      `Token ${token}`,
      token,
      `Basic YTpi, Bearer ${token}`,
      `Bearer ${token}, Basic YTpi`,
      `Bearer\t${token}`,
      `Digest token="${token}"`,
      `Bearer token=${token};x`,
    ])
      expect([header, hasSallyportBearerToken(header)]).toEqual([header, true]);
  });

  const foreign: [string, () => Promise<string>][] = [
    ["nothing", async () => ""],
    ["Basic credentials", async () => "Basic YWRhOnBhc3N3b3Jk"],
    ["another Bearer token", async () => "Bearer 7f3a9b.c"],
    [
      "a JWT of another issuer",
      async () =>
        `Bearer ${await new SignJWT({}).setProtectedHeader({ alg: "HS256", typ: "at+jwt" }).sign(new Uint8Array(32))}`,
    ],
    [
      "a JWT without a type",
      async () =>
        `Bearer ${await new SignJWT({}).setProtectedHeader({ alg: "HS256" }).sign(new Uint8Array(32))}`,
    ],
    ["text of three parts", async () => "Bearer a.b.c"],
    ["JSON that is no object", async () => `Bearer ${btoa("null")}.b.c`],
    ["a key of another issuer", async () => "Bearer sp_short_x"],
    [
      "a receipt, which is made for others",
      async () =>
        `Bearer ${await signReceipt(keyring, {
          id: "r",
          issuer: "https://a.test/api/auth",
          realm: "shop",
          userId: "u",
          action: null,
          nonce: null,
          amr: ["otp"],
          now,
        })}`,
    ],
    [
      "an assertion",
      async () =>
        `Bearer ${await signAssertion(keyring, {
          issuer: "i",
          audience: "a",
          identity: {
            userId: "u",
            username: "ada",
            email: null,
            acr: "first_factor",
            amr: [],
            authenticatedAt: now,
          },
          scope: { host: "a.test", pathPrefix: "/", methods: null },
          now,
        })}`,
    ],
  ];

  it.each(foreign)("is the site's with %s", async (_what, draw) => {
    expect(hasSallyportBearerToken(await draw())).toBe(false);
  });
});
