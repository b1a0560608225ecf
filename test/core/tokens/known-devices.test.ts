import { describe, expect, it } from "vitest";
import {
  addToKnownDevicesCookie,
  findKnownDeviceNumber,
  knownDeviceTtlSeconds,
} from "../../../src/core/tokens/known-devices.ts";
import { keyringOf, randomKey } from "../../support/keyring.ts";

const now = new Date(Date.UTC(2030, 0, 7));
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const ada = { realm: "local", username: "ada" };
const bob = { realm: "local", username: "bob" };
const keyring = keyringOf("k1");

/** A browser to which these accounts have signed in, in this order. */
async function browserOf(...owners: (typeof ada)[]): Promise<string> {
  let devices = "";
  for (const owner of owners) devices = await addToKnownDevicesCookie(keyring, devices, owner, now);
  return devices;
}

const numberOf = (devices: string, owner = ada, keys = keyring, at = now) =>
  findKnownDeviceNumber(keys, devices, owner, at);

describe("a device that signed in before", () => {
  it("is known to its account, and to no other name and no other realm", async () => {
    const devices = await browserOf(ada);
    expect(await numberOf(devices)).not.toBeNull();
    for (const other of [
      bob,
      { realm: "local", username: "ad" },
      { realm: "local", username: "ada " },
      { realm: "local", username: "ADA" },
      { realm: "proxy", username: "ada" },
      { realm: "", username: "localada" },
      { realm: 'local","', username: "ada" },
    ])
      expect([other, await numberOf(devices, other)]).toEqual([other, null]);
  });

  it("is known for four hundred days, and not a second longer", async () => {
    const devices = await browserOf(ada);
    expect(knownDeviceTtlSeconds).toBe(400 * 86_400);
    expect(await numberOf(devices, ada, keyring, later(knownDeviceTtlSeconds - 1))).not.toBeNull();
    expect(await numberOf(devices, ada, keyring, later(knownDeviceTtlSeconds))).toBeNull();
  });

  it("is unknown with any one character changed", async () => {
    const devices = await browserOf(ada);
    const accepted: string[] = [];
    for (let at = 0; at < devices.length; at++) {
      for (const character of ["A", "B", "0", "1", "9", ".", "~"]) {
        if (devices[at] === character) continue;
        const changed = devices.slice(0, at) + character + devices.slice(at + 1);
        if ((await numberOf(changed)) !== null) accepted.push(changed);
      }
    }
    expect(accepted).toEqual([]);
  });

  it("is unknown with another end or number than was signed", async () => {
    const [kid, until = "", number = "", mac] = (await browserOf(ada)).split(".");
    const others = [
      [kid, String(Number(until) + 1), number, mac],
      [kid, until, String((Number(number) + 1) % 16), mac],
      [kid, until, `0${number}`, mac],
      [kid, `0${until}`, number, mac],
      ["k2", until, number, mac],
    ];
    for (const parts of others) expect([parts, await numberOf(parts.join("."))]).toEqual([parts, null]);
    expect(await numberOf([kid, until, number, mac].join("."))).toBe(Number(number));
  });

  it("is unknown where the keys are others, whatever their ids", async () => {
    expect(await numberOf(await browserOf(ada), ada, keyringOf("k1"))).toBeNull();
  });

  it("contains no account name", async () => {
    const devices = await browserOf({ realm: "local", username: "ada.lovelace" });
    expect(devices).toMatch(/^k1\.\d{10}\.\d{1,2}\.[\w-]{43}$/);
    const [, , , mac = ""] = devices.split(".");
    for (const text of [devices, atob(mac.replaceAll("-", "+").replaceAll("_", "/"))])
      for (const name of ["ada", "lovelace", "local"]) expect(text).not.toContain(name);
  });

  it("is one of sixteen of its account, however many sign-ins there are", async () => {
    const numbers = new Set<number | null>();
    for (let i = 0; i < 1000; i++) numbers.add(await numberOf(await browserOf(ada)));
    // That one of them is never drawn has a chance below 10^-26.
    expect([...numbers].toSorted((a, b) => Number(a) - Number(b))).toEqual([...Array(16).keys()]);
  });
});

describe("a device of several accounts", () => {
  const owners = ["ada", "bob", "cleo", "dan", "eve", "fay"].map((username) => ({ ...ada, username }));

  it("is known to each of them", async () => {
    const devices = await browserOf(ada, bob);
    expect([await numberOf(devices, ada), await numberOf(devices, bob)]).not.toContain(null);
  });

  it("is known to the last five accounts, and drops the one with the oldest sign-in", async () => {
    const devices = await browserOf(...owners);
    const known = await Promise.all(owners.map((owner) => numberOf(devices, owner)));
    expect(known.map((number) => number !== null)).toEqual([false, true, true, true, true, true]);
    expect(devices.split("~")).toHaveLength(5);
  });

  it("has one entry of an account that signs in again, and it is the newest", async () => {
    const first = await browserOf(ada, bob);
    const again = await addToKnownDevicesCookie(keyring, first, ada, later(10));
    const [newest = "", ...rest] = again.split("~");
    expect(rest).toEqual([first.split("~")[0]]);
    expect(await numberOf(newest)).not.toBeNull();
    expect(Number(newest.split(".")[1])).toBe(later(10 + knownDeviceTtlSeconds).getTime() / 1000);
  });

  it("fits into a cookie with the longest key ids", async () => {
    const longest = keyringOf("k".repeat(32));
    let devices = "";
    for (const owner of owners) devices = await addToKnownDevicesCookie(longest, devices, owner, now);
    expect(devices.length).toBeLessThan(500);
    expect(encodeURIComponent(devices)).toBe(devices);
  });

  it("drops what is over, what is no entry, and what a key made that is gone", async () => {
    const old = await addToKnownDevicesCookie(keyring, "", bob, new Date(0));
    const gone = await addToKnownDevicesCookie(keyringOf("k0"), "", bob, now);
    const kept = await browserOf(bob);
    const devices = await addToKnownDevicesCookie(keyring, [old, "garbage", gone, kept].join("~"), ada, now);
    expect(devices.split("~").slice(1)).toEqual([kept]);
  });
});

describe("a new key in front", () => {
  const [old, current] = [randomKey(), randomKey()];
  const before = keyringOf(`old:${old}`);
  const both = keyringOf(`new:${current}`, `old:${old}`);
  const after = keyringOf(`new:${current}`);

  it("knows the devices of the old one, until that is gone", async () => {
    const devices = await addToKnownDevicesCookie(before, "", ada, now);
    const number = await numberOf(devices, ada, before);
    expect(number).not.toBeNull();
    expect(await numberOf(devices, ada, both)).toBe(number);
    expect(await numberOf(devices, ada, after)).toBeNull();
  });

  it("vouches from the next sign-in on, and leaves the entries of other accounts to theirs", async () => {
    const theirs = await addToKnownDevicesCookie(before, "", bob, now);
    const devices = await addToKnownDevicesCookie(
      both,
      await addToKnownDevicesCookie(before, theirs, ada, now),
      ada,
      now,
    );
    expect(devices.split("~").map((entry) => entry.split(".", 1)[0])).toEqual(["new", "old"]);
    expect(await numberOf(devices, ada, after)).not.toBeNull();
    expect(await numberOf(devices, bob, both)).not.toBeNull();
    expect(await numberOf(devices, bob, after)).toBeNull();
  });
});

describe("what is no device", () => {
  const garbage = [
    "",
    "~",
    "~~~~~~~~",
    ".",
    "...",
    "k1",
    "k1.1.1.1",
    "k1.99999999999.1.",
    `k1.99999999999.1.${"A".repeat(43)}`,
    `k1.-1.1.${"A".repeat(43)}`,
    `k1.1e9.1.${"A".repeat(43)}`,
    `__proto__.9999999999.1.${"A".repeat(43)}`,
    "eyJhbGciOiJub25lIn0.e30.",
    "é\u0000\n",
    "a".repeat(100_000),
    "k1.9999999999.1.~".repeat(5000),
  ];

  it.each(garbage)("%j is none, and does no harm", async (devices) => {
    expect(await numberOf(devices)).toBeNull();
    const added = await addToKnownDevicesCookie(keyring, devices, ada, now);
    expect(await numberOf(added)).not.toBeNull();
    expect(added.length).toBeLessThan(500);
  });

  it("is looked for among the first five only", async () => {
    const devices = [...Array(5).fill("x"), await browserOf(ada)].join("~");
    expect(await numberOf(devices)).toBeNull();
    expect(await numberOf(devices.replace("x~", ""))).not.toBeNull();
  });
});
