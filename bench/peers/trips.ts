import type { PreparedRequest } from "../load/exchange.ts";
import type { Section, Verdict } from "../report.ts";
import type { TripCount } from "../trip-count.ts";
import { bundleBenchWorker, type RunningWorkers, startWorkers } from "../workers.ts";
import { createPeer, peerWorker } from "./better-auth.ts";
import {
  bundleSallyportTrips,
  type Operations,
  prepareSallyport,
  sallyportTripsWorker,
} from "./sallyport-trips.ts";
import { send } from "./send.ts";
import { readTrips } from "./trip-header.ts";

/** The trips of each operation. */
type Trips = Readonly<Record<keyof Operations, TripCount>>;

/** The display names of the subjects, by the names of their Workers. */
const subjects = {
  sallyport: "Sallyport",
  recheck: "Sallyport, `SESSION_RECHECK=0`",
  peer: "better-auth",
  cached: "better-auth, cookie cache",
  joins: "better-auth, joins",
} as const;

/** Counts the trips of Sallyport and the peer to D1 in workerd. Each call of the binding is a trip. */
export async function countTrips(): Promise<Section> {
  const own = bundleSallyportTrips();
  const peers = bundleBenchWorker("./peers/better-auth-trips.worker.ts");
  const running = await startWorkers([
    sallyportTripsWorker("sallyport", own),
    sallyportTripsWorker("recheck", own, { SESSION_RECHECK: "0" }),
    peerWorker("peer", peers),
    peerWorker("cached", peers, { cookieCache: true }),
    peerWorker("joins", peers, { joins: true }),
    peerWorker("cold", peers),
  ]);
  try {
    const counted = {
      sallyport: await countOperations(running, "sallyport", await prepareSallyport(running, "sallyport")),
      recheck: await countOperations(running, "recheck", await prepareSallyport(running, "recheck")),
      peer: await countOperations(running, "peer", await preparePeer(running, "peer")),
      cached: await countOperations(running, "cached", await preparePeer(running, "cached")),
      joins: await countOperations(running, "joins", await preparePeer(running, "joins")),
    };
    const { sessionCheck } = await preparePeer(running, "peer");
    const cold = await count(running, "cold", sessionCheck);
    return report(counted, total(cold) - total(counted.peer.sessionCheck));
  } finally {
    await running.stop();
  }
}

async function preparePeer(running: RunningWorkers, name: string): Promise<Operations> {
  const peer = await createPeer(running, name);
  const [[signIn], [verify], [sessionCheck]] = [
    await peer.signIns(1),
    await peer.verifies(1),
    await peer.sessionChecks(),
  ];
  if (!signIn || !verify || !sessionCheck) throw new Error("The peer has made no requests");
  return { signIn, verify, sessionCheck, whoAmI: sessionCheck };
}

async function countOperations(
  running: RunningWorkers,
  name: string,
  { signIn, verify, sessionCheck, whoAmI }: Operations,
): Promise<Trips> {
  return {
    signIn: await count(running, name, signIn),
    verify: await count(running, name, verify),
    sessionCheck: await count(running, name, sessionCheck),
    whoAmI: await count(running, name, whoAmI),
  };
}

/** @throws Error when trips were concurrent: their sum would overstate the latency */
async function count(running: RunningWorkers, name: string, request: PreparedRequest): Promise<TripCount> {
  const trips = readTrips((await send(await running.url(name), request)).headers);
  if (trips.atOnce > 1) throw new Error(`${name}, ${request.path}: ${trips.atOnce} trips side by side`);
  return trips;
}

const total = ({ reads, writes, batches }: TripCount) => reads + writes + batches;

function report(counted: Readonly<Record<keyof typeof subjects, Trips>>, cold: number): Section {
  const names = Object.keys(subjects) as (keyof typeof subjects)[];
  const { sallyport, peer } = counted;
  return {
    title: "Trips to D1",
    tables: [
      {
        heading: ["", "sign-in", "verify", "session check", "read the session"],
        rows: names.map((name) => {
          const { signIn, verify, sessionCheck, whoAmI } = counted[name];
          return [subjects[name], ...[signIn, verify, sessionCheck, whoAmI].map(show)];
        }),
      },
    ],
    notes: [
      "Each call to the binding is a trip, and a `batch` is one call. Each trip waits for the one before. The nearest copy can serve " +
        "Sallyport's reads; a batch goes to the primary. The peer opens no D1 session, so all of its trips go to the primary.",
      `The first request that an isolate of the peer serves makes ${cold} more trips, which compare its tables with what it expects. ` +
        "Joins are an option of the peer, off by default, that its documentation recommends for speed. The peer accepts a " +
        "code again as long as it is valid; Sallyport accepts it once.",
    ],
    verdicts: [
      tripVerdict("sign-in", sallyport.signIn, peer.signIn),
      tripVerdict("verify", sallyport.verify, peer.verify),
      {
        target: "fresh session check: no trip",
        measured: `${total(sallyport.sessionCheck)}, the peer ${total(peer.sessionCheck)}`,
        met: total(sallyport.sessionCheck) === 0,
      },
    ],
  };
}

function tripVerdict(operation: string, own: TripCount, peers: TripCount): Verdict {
  return {
    target: `${operation}: 2 trips, 1 of them to the primary`,
    measured: `${show(own)}; the peer ${total(peers)}`,
    met: total(own) <= 2 && own.batches + own.writes <= 1,
  };
}

/** Formats a count: `2 (1 read, 1 batch)`. */
function show(count: TripCount): string {
  const kinds = [
    plural(count.reads, "read", "reads"),
    plural(count.writes, "write", "writes"),
    plural(count.batches, "batch", "batches"),
  ].filter((kind) => kind !== "");
  return kinds.length === 0 ? "0" : `${total(count)} (${kinds.join(", ")})`;
}

const plural = (count: number, one: string, many: string) =>
  count === 0 ? "" : `${count} ${count === 1 ? one : many}`;
