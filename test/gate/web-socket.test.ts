import { describe, expect, it } from "vitest";
import { watchAccess } from "../../src/gate/access-watch.ts";
import { relayWebSocket } from "../../src/gate/web-socket.ts";

/** Longer than any of these tests waits. */
const never = 3600;
const soon = 0.01;

const alive = async () => true;
const dead = async () => false;

/** The two ends of a relay: the visitor's and the site's. */
function stand(lives: () => Promise<boolean> = alive, intervalSeconds = never) {
  const { 0: siteEnd, 1: handedOver } = new WebSocketPair();
  siteEnd.accept();
  siteEnd.binaryType = "arraybuffer";
  const times = { firstSeconds: intervalSeconds, intervalSeconds };
  const visitor = relayWebSocket(handedOver, watchAccess(lives, times));
  visitor.accept();
  visitor.binaryType = "arraybuffer";
  return { visitor, site: siteEnd };
}

const next = (socket: WebSocket) =>
  new Promise<string | ArrayBuffer>((resolve) => {
    socket.addEventListener("message", ({ data }) => resolve(data as string | ArrayBuffer), { once: true });
  });

const closed = (socket: WebSocket) =>
  new Promise<[number, string]>((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => resolve([code, reason]), { once: true });
  });

describe("a relayed WebSocket", () => {
  it.each([
    ["a visitor to the site", "visitor", "site"],
    ["the site to a visitor", "site", "visitor"],
  ] as const)("WB-12 takes text and bytes from %s, in their order", async (_what, from, to) => {
    const ends = stand();
    const bytes = new Uint8Array([0, 255, 128, 10]);
    const got: unknown[] = [];
    const all = new Promise<void>((resolve) => {
      ends[to].addEventListener("message", ({ data }) => {
        got.push(data instanceof ArrayBuffer ? [...new Uint8Array(data)] : data);
        if (got.length === 5) resolve();
      });
    });
    for (const data of ["one", "", "zwei ☃", bytes, "x".repeat(200_000)]) ends[from].send(data);
    await all;
    expect(got).toEqual(["one", "", "zwei ☃", [...bytes], "x".repeat(200_000)]);
  });

  it("WB-12 passes on what the site says before the visitor says anything, and answers", async () => {
    const { visitor, site } = stand();
    const welcome = next(visitor);
    site.send("welcome");
    expect(await welcome).toBe("welcome");
    const question = next(site);
    visitor.send("question");
    expect(await question).toBe("question");
  });

  it.each([
    [1000, "done"],
    [1001, "going away"],
    [1002, "protocol"],
    [1003, "unsupported"],
    [1007, "not UTF-8"],
    [1008, "policy"],
    [1009, "too big"],
    [1011, "failed"],
    [1012, "restart"],
    [1013, "later"],
    [3000, "Unauthorized"],
    [3999, ""],
    [4000, "of the application's own"],
    [4999, "ü".repeat(50)],
  ])("WB-12 passes %i on in both directions, with its reason", async (code, reason) => {
    for (const [from, to] of [
      ["visitor", "site"],
      ["site", "visitor"],
    ] as const) {
      const ends = stand();
      const seen = closed(ends[to]);
      ends[from].close(code, reason);
      expect(await seen).toEqual([code, reason]);
    }
  });

  it("WB-12 ends at both ends when one closes it without a code", async () => {
    for (const [from, to] of [
      ["visitor", "site"],
      ["site", "visitor"],
    ] as const) {
      const ends = stand();
      const seen = closed(ends[to]);
      ends[from].close();
      expect((await seen)[0]).toBe(1005);
    }
  });

  it("confirms the closing to the side that closed it", async () => {
    const { visitor, site } = stand();
    const [atVisitor, atSite] = [closed(visitor), closed(site)];
    visitor.close(4001, "bye");
    expect(await atSite).toEqual([4001, "bye"]);
    site.close(4001, "bye");
    expect((await atVisitor)[0]).toBe(4001);
  });

  it("WB-12 passes what the site still sends after the visitor has closed, and counts none of it as use", async () => {
    const { 0: site, 1: handedOver } = new WebSocketPair();
    site.accept({ allowHalfOpen: true });
    const watch = {
      signal: new AbortController().signal,
      uses: 0,
      noteUse: () => ++watch.uses,
      stop: () => {},
    };
    const visitor = relayWebSocket(handedOver, watch);
    visitor.accept({ allowHalfOpen: true });
    const question = next(site);
    visitor.send("question");
    await question;
    const atSite = closed(site);
    visitor.close(4000, "done");
    expect(await atSite).toEqual([4000, "done"]);
    const [last, end] = [next(visitor), closed(visitor)];
    site.send("last");
    site.close(4000, "done");
    expect(await last).toBe("last");
    expect(await end).toEqual([4000, "done"]);
    expect(watch.uses).toBe(1);
  });

  it("SE-06 is closed at both ends with 1008 when its session is over", async () => {
    const { visitor, site } = stand(dead, soon);
    expect(await Promise.all([closed(visitor), closed(site)])).toEqual([
      [1008, "The session has ended"],
      [1008, "The session has ended"],
    ]);
  });

  it("INC-20 is closed when its session cannot be checked", async () => {
    const { visitor, site } = stand(() => Promise.reject(new Error("D1 did not answer")), soon);
    expect((await Promise.all([closed(visitor), closed(site)])).map(([code]) => code)).toEqual([1008, 1008]);
  });

  it("is asked about again and again, and is open until the answer is no", async () => {
    let asked = 0;
    const lives = async () => {
      asked += 1;
      return asked < 4;
    };
    const { visitor, site } = stand(lives, soon);
    const over = closed(visitor);
    const question = next(site);
    visitor.send("still there?");
    expect(await question).toBe("still there?");
    expect((await over)[0]).toBe(1008);
    expect(asked).toBe(4);
  });

  it.each(["visitor", "site"] as const)("is asked about no more when the %s has closed it", async (end) => {
    let asked = 0;
    const ends = stand(async () => {
      asked += 1;
      return true;
    }, soon);
    const over = closed(ends[end === "visitor" ? "site" : "visitor"]);
    ends[end].close(1000, "");
    await over;
    const after = asked;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(asked).toBe(after);
  });

  it("drops what comes after its end, and does not fail with it", async () => {
    const { visitor, site } = stand(dead, soon);
    const got: unknown[] = [];
    site.addEventListener("message", ({ data }) => got.push(data));
    await Promise.all([closed(visitor), closed(site)]);
    expect(() => visitor.send("too late")).toThrow();
    expect(got).toEqual([]);
  });
});
