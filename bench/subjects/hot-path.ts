import { mintFullToken, openFull } from "../fixtures/sessions.ts";
import { type Section, showRatio } from "../report.ts";
import { interleave, type Measured, p50, perSecond, throughputRatio } from "../rounds.ts";
import { basePath, createAuthRequest, createForwardAuthRequest, get, visit } from "./requests.ts";
import { httpSubject } from "./subject.ts";
import type { World } from "./world.ts";

/** The number of concurrent visitors. */
const visitors = 20;
const connections = 8;

/** Measures the throughput of the access checks of every request to a site, compared with a route without work. */
export async function measureHotPath(world: World, rounds: number, requests: number): Promise<Section> {
  const { keyring, accounts, database } = world;
  const repeat = Math.max(1, Math.round(requests / visitors));
  const tokens = await openFull(database, keyring, accounts.slice(0, visitors));
  const newcomers = () =>
    Promise.all(
      Array.from({ length: requests }, (_, index) =>
        mintFullToken(keyring, accounts[index % accounts.length] ?? fail()),
      ),
    );
  // A token is fresh for a minute, so tokens are signed again for each round.
  const fresh = () =>
    Promise.all(accounts.slice(0, visitors).map((account) => mintFullToken(keyring, account)));
  const peerCheck = async (name: string) => {
    const [check] = await world.peer(name).sessionChecks();
    return check === undefined ? [] : [check];
  };
  const measured = await interleave(
    [
      httpSubject(world, "bare workerd", {
        worker: "bare",
        requests: () => [get("/")],
        repeat: requests,
        connections,
      }),
      httpSubject(world, "Hono no-op", {
        worker: "hono",
        requests: () => [get("/")],
        repeat: requests,
        connections,
      }),
      httpSubject(world, "Hono no-op with as many headers", {
        worker: "hono",
        requests: () => [get("/headers")],
        repeat: requests,
        connections,
      }),
      httpSubject(world, "`/auth-request`", {
        worker: "sallyport",
        requests: async () => (await fresh()).map(createAuthRequest),
        repeat,
        connections,
      }),
      httpSubject(world, "`/forward-auth`", {
        worker: "sallyport",
        requests: async () => (await fresh()).map(createForwardAuthRequest),
        repeat,
        connections,
      }),
      httpSubject(world, "`/auth-request`, first of a session", {
        worker: "sallyport",
        requests: async () => (await newcomers()).map(createAuthRequest),
        connections,
      }),
      httpSubject(world, "re-check: `GET /session`", {
        worker: "sallyport",
        requests: () => tokens.map((token) => visit(`${basePath}/session`, token)),
        repeat: Math.max(1, Math.round(repeat / 10)),
        connections,
      }),
      httpSubject(world, "better-auth, cookie cache", {
        worker: "peer-cached",
        requests: () => peerCheck("peer-cached"),
        repeat: requests / 4,
        connections,
      }),
      httpSubject(world, "better-auth", {
        worker: "peer-0",
        requests: () => peerCheck("peer-0"),
        repeat: requests / 20,
        connections,
      }),
    ],
    rounds,
  );
  const [, floor = fail(), , authRequest = fail(), forwardAuth = fail()] = measured;
  const verdict = (name: string, subject: Measured) => {
    const ratio = throughputRatio(subject, floor);
    return {
      target: `${name}: at least 0.75 × Hono no-op`,
      measured: showRatio(ratio),
      met: ratio.median >= 0.75,
    };
  };
  return {
    title: "The check of a session",
    tables: [
      {
        heading: ["", "× Hono no-op (quartiles)", "a second", "p50, ms"],
        rows: measured.map((subject) => [
          subject.name,
          showRatio(throughputRatio(subject, floor)),
          perSecond(subject).toFixed(0),
          p50(subject).toFixed(2),
        ]),
      },
    ],
    notes: [
      `Requests a second over ${connections} connections. The requests to Sallyport have the sessions of ${visitors} visitors. For a session that is new to the isolate, it also verifies the token and signs the assertion (the line "first of a session"). A re-check goes to the primary.`,
    ],
    verdicts: [
      verdict("`/auth-request`", authRequest),
      verdict("fresh session check (`/forward-auth`)", forwardAuth),
    ],
  };
}

function fail(): never {
  throw new Error("A subject is missing");
}
