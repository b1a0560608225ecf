import { setTimeout as sleep } from "node:timers/promises";
import type { Bundle } from "../../../scripts/bundle.ts";
import { signFullSessionToken, verifyFullSessionToken } from "../../../src/core/tokens/session-token.ts";
import { keyringOf } from "../../support/keyring.ts";
import { createApiAccount, enrol } from "../support/api-account.ts";
import { Client } from "../support/client.ts";
import {
  bundleSallyport,
  type DirectWorker,
  generateKeyring,
  removeBundle,
  startDirectWorker,
} from "../support/direct-worker.ts";
import { type RunningProxy, startProxy } from "../support/proxies.ts";
import type { Exchange } from "./exchange.ts";
import { closeOpcode, type Frame } from "./frames.ts";
import type { Message } from "./message.ts";
import { type Received, sendExchange } from "./raw-client.ts";
import { exchangeHeader, type RecordingOrigin, startRecordingOrigin } from "./recording-origin.ts";

/** A way from the client to the origin. */
export interface Way {
  readonly through: "nothing" | "gate" | "nginx";
  /** True: the session is due to be checked again, so the response has to hand over a renewed cookie. */
  readonly renewing: boolean;
}

/** What has arrived at both ends of one exchange. */
export interface Outcome {
  readonly requests: readonly Message[];
  /** The frames of the WebSocket that the origin got. */
  readonly frames: readonly Frame[];
  readonly received: Received;
}

/** The host in the requests. */
export const visitedHost = "site.example";
export const visitorAddress = "127.0.0.1";
const proxyKey = "Q7f2-hW9x_Lk3mZ8vTn5cRb1yGd6pJs4";
const adminKey = "b3Kx-v8Qw_Zt5nR1yLm7cPf2gHd9sJa4uEe6oTi0k";
const recheckSeconds = 3600;

interface Visitor {
  readonly username: string;
  readonly email: string;
  readonly token: string;
  /** A token of the same session that was last checked longer than `SESSION_RECHECK` ago. */
  readonly oldToken: string;
}

/** One origin, one Worker and one nginx. The Worker is the gate of the origin, and nginx asks the same Worker. */
export class Surroundings {
  readonly origin: RecordingOrigin;
  readonly visitor: Visitor;
  readonly #bundle: Bundle;
  readonly #worker: DirectWorker;
  readonly #nginx: RunningProxy;
  #lastKey = 1000;

  private constructor(
    origin: RecordingOrigin,
    bundle: Bundle,
    worker: DirectWorker,
    nginx: RunningProxy,
    visitor: Visitor,
  ) {
    this.origin = origin;
    this.visitor = visitor;
    this.#bundle = bundle;
    this.#worker = worker;
    this.#nginx = nginx;
  }

  static async start(): Promise<Surroundings> {
    const origin = await startRecordingOrigin();
    const bundle = bundleSallyport();
    const keyring = generateKeyring();
    const bindings = {
      KEYRING: keyring,
      ADMIN_KEY: adminKey,
      PROXY_KEY: proxyKey,
      ORIGIN_URL: `http://127.0.0.1:${origin.port}`,
      SESSION_RECHECK: String(recheckSeconds),
      SESSION_IDLE: "43200",
    };
    const worker = await startDirectWorker(bundle, bindings, { tables: true });
    const visitor = await signIn(worker, keyring);
    const addresses = { workerPort: worker.port, sitePort: origin.port, workerHost: visitedHost };
    const nginx = await startProxy("nginx", { ...addresses, proxyKey });
    return new Surroundings(origin, bundle, worker, nginx, visitor);
  }

  /** Host and port of the origin, as in `ORIGIN_URL`. */
  get originHost(): string {
    return `127.0.0.1:${this.origin.port}`;
  }

  /** The host in the requests, and the port of nginx. */
  get nginxHost(): string {
    return `${visitedHost}:${this.#nginx.port}`;
  }

  /** Makes an exchange on one way to the origin. The visitor of the gate and of nginx has signed in with both factors. */
  async make(exchange: Exchange, way: Way): Promise<Outcome> {
    const key = String(++this.#lastKey);
    const { requests, frames } = this.origin.expect(key, exchange.response);
    const port = { nothing: this.origin.port, gate: this.#worker.port, nginx: this.#nginx.port }[way.through];
    const received = await sendExchange(port, exchange, this.#head(exchange, way, key));
    // The Close can reach the origin after the client has got its own.
    const isOver = () => frames.some(({ opcode }) => opcode === closeOpcode);
    for (let waits = 0; received.frames.length > 0 && !isOver() && waits < 100; waits++) await sleep(10);
    return { requests, frames, received };
  }

  #head(exchange: Exchange, { through, renewing }: Way, key: string): string {
    const { method, target } = exchange;
    const { token, oldToken } = this.visitor;
    const lines = withSession(exchange, renewing ? oldToken : token);
    const arriving = through === "gate" ? withAddress(lines) : lines;
    const fields = [`Host: ${visitedHost}`, ...arriving, `${exchangeHeader}: ${key}`];
    return [`${method} ${target} HTTP/1.1`, ...fields, "", ""].join("\r\n");
  }

  async stop(): Promise<void> {
    await this.#nginx.stop();
    await this.#worker.stop();
    await this.origin.stop();
    removeBundle(this.#bundle);
  }
}

/** Creates an account, signs in, and sets the second factor up. */
async function signIn({ port }: DirectWorker, keys: string): Promise<Visitor> {
  const baseUrl = `http://127.0.0.1:${port}`;
  const account = await createApiAccount({ baseUrl, adminKey }, "fidelity");
  const client = new Client(baseUrl);
  await enrol(client, account);
  const token = /__Host-sallyport=([^;]+)/.exec(client.cookies)?.[1] ?? "";
  const keyring = keyringOf(keys);
  const now = new Date();
  const claims = await verifyFullSessionToken(keyring, token, now);
  if (claims === null) throw new Error("The visitor has no session");
  const checkedAt = new Date(now.getTime() - 2 * recheckSeconds * 1000);
  return { ...account, token, oldToken: await signFullSessionToken(keyring, { ...claims, checkedAt }) };
}

/** Sets the header that Cloudflare sets on each request for a Worker. */
const withAddress = (lines: readonly string[]) => [
  `CF-Connecting-IP: ${visitorAddress}`,
  ...lines.filter((line) => !/^cf-connecting-ip:/i.test(line)),
];

/** Adds the session to the header lines. */
function withSession({ lines, session }: Exchange, token: string): readonly string[] {
  if (session === "bearer") return [`Authorization: Bearer ${token}`, ...lines];
  const cookie = `__Host-sallyport=${token}`;
  const first = lines.findIndex((line) => /^cookie:/i.test(line));
  if (session === "own line" || first === -1) return [`Cookie: ${cookie}`, ...lines];
  return lines.map((line, i) => {
    if (i !== first) return line;
    return session === "before" ? line.replace(/^cookie: */i, `Cookie: ${cookie}; `) : `${line}; ${cookie}`;
  });
}
