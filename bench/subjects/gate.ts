import { mintFullToken } from "../fixtures/sessions.ts";
import { type Section, showRatio } from "../report.ts";
import { interleave, type Measured, p50, perSecond, type Subject, throughputRatio } from "../rounds.ts";
import { get, visit } from "./requests.ts";
import { httpSubject } from "./subject.ts";
import type { World } from "./world.ts";

const visitors = 20;
const connections = 8;

/** Compares the gate with a Worker that forwards everything to the same origin. The origin runs in its own process. */
export async function measureGate(world: World, rounds: number, requests: number): Promise<Section> {
  const { keyring, accounts } = world;
  const fresh = () =>
    Promise.all(accounts.slice(0, visitors).map((account) => mintFullToken(keyring, account)));
  const pair = (name: string, path: string, count: number): [Subject, Subject] => [
    httpSubject(world, `bare proxying fetch, ${name}`, {
      worker: "proxy",
      requests: () => [get(path)],
      repeat: count,
      connections,
    }),
    httpSubject(world, `gate, ${name}`, {
      worker: "sallyport",
      requests: async () => (await fresh()).map((token) => visit(path, token)),
      repeat: Math.max(1, Math.round(count / visitors)),
      connections,
    }),
  ];
  const socket = async (
    name: string,
    worker: string,
    headers: () => Promise<Record<string, string>>,
  ): Promise<Subject> => {
    const url = new URL("/echo", await world.workers.url(worker));
    url.protocol = "ws:";
    let sent: Record<string, string> = {};
    return {
      name,
      prepare: async () => {
        sent = await headers();
      },
      run: () => world.load.exchangeMessages({ url: url.href, headers: sent, messages: requests }),
    };
  };
  const cookie = async () => visit("/", (await fresh())[0] ?? "").headers;
  const measured = await interleave(
    [
      ...pair("200 B", "/bytes/200", requests),
      ...pair("1 MB", "/bytes/1000000", Math.max(visitors, Math.round(requests / 10))),
      await socket("bare proxying fetch, WebSocket message", "proxy", async () => ({})),
      await socket("gate, WebSocket message", "sallyport", cookie),
      httpSubject(world, "proxying fetch that sets identity headers, 200 B", {
        worker: "proxy-identity",
        requests: async () => (await fresh()).map((token) => visit("/bytes/200", token)),
        repeat: Math.max(1, Math.round(requests / visitors)),
        connections,
      }),
    ],
    rounds,
  );
  const floorOf = (index: number): Measured => {
    // Subjects are in pairs, except the last, which is compared with the first.
    const floor = measured[index === measured.length - 1 ? 0 : index - (index % 2)];
    if (floor === undefined) throw new Error("A floor is missing");
    return floor;
  };
  const ratios = measured.map((subject, index) => throughputRatio(subject, floorOf(index)));
  const verdict = (index: number, target: string, least: number) => {
    const ratio = ratios[index];
    if (ratio === undefined) throw new Error("A subject is missing");
    return { target, measured: showRatio(ratio), met: ratio.median >= least };
  };
  return {
    title: "The gate",
    tables: [
      {
        heading: ["", "× bare proxying fetch (quartiles)", "a second", "p50, ms"],
        rows: measured.map((subject, index) => [
          subject.name,
          index % 2 === 0 && index < measured.length - 1
            ? "1"
            : showRatio(ratios[index] ?? { median: 0, low: 0, high: 0 }),
          perSecond(subject).toFixed(0),
          p50(subject).toFixed(2),
        ]),
      },
    ],
    notes: [
      `Requests a second over ${connections} connections; WebSocket messages one after another over one connection, each there and back. The floor forwards a request unchanged, and sets no header.`,
    ],
    verdicts: [
      verdict(1, "gate, small: at least 0.85 × the bare proxying fetch", 0.85),
      verdict(3, "gate, 1 MB: at least 0.95 ×", 0.95),
    ],
  };
}
