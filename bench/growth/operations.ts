import { codeOf } from "../fixtures/accounts.ts";
import type { PreparedRequest } from "../load/exchange.ts";
import type { Cast } from "./cast.ts";

/** An operation that is measured at all sizes. */
export interface Operation {
  readonly name: string;
  /** The measured Worker: all of Sallyport, or only its calls to D1. */
  readonly timed: "sallyport" | "sign-in";
  /** Creates requests to the `timed` Worker. They are valid for half a minute. */
  requests(cast: Cast, count: number): Promise<PreparedRequest[]>;
  /** Creates requests to Sallyport, when they differ from those of the `timed` Worker. */
  wholeRequests?(cast: Cast, count: number): Promise<PreparedRequest[]>;
}

const post = (path: string, body: string, type: string): PreparedRequest => ({
  method: "POST",
  path,
  headers: { "Content-Type": type, "User-Agent": "sallyport-bench", "CF-Connecting-IP": "203.0.113.7" },
  body,
  status: 200,
});

const postJson = (path: string, body: object) => post(path, JSON.stringify(body), "application/json");

const get = (path: string, token: string): PreparedRequest => ({
  method: "GET",
  path,
  headers: { Authorization: `Bearer ${token}` },
  status: 200,
});

/** Returns `count` random values. */
const some = <T>(values: readonly T[], count: number): T[] =>
  Array.from({ length: count }, () => values[Math.floor(Math.random() * values.length)] as T);

export const verify: Operation = {
  name: "verify (TOTP)",
  timed: "sallyport",
  requests: ({ verifying }, count) => {
    if (verifying.length < count) throw new Error("Every account has shown its code already");
    const now = new Date();
    return Promise.all(
      verifying.splice(0, count).map(async ({ account, token }) =>
        postJson("/api/auth/totp/verify", {
          session_token: token,
          code: await codeOf(account.secret, now),
        }),
      ),
    );
  },
};

const signIn: Operation = {
  name: "sign-in, without scrypt",
  timed: "sign-in",
  requests: async ({ signingIn }, count) =>
    some(signingIn, count).map(({ username }) => post("/", username, "text/plain")),
  wholeRequests: async ({ signingIn }, count) =>
    some(signingIn, count).map(({ username, password }) =>
      postJson("/api/auth/login", { username, password }),
    ),
};

const recheck: Operation = {
  name: "session re-check",
  timed: "sallyport",
  requests: async ({ present }, count) =>
    some(present, count).map((token) => get("/api/auth/session", token)),
};

const list: Operation = {
  name: "list of sessions",
  timed: "sallyport",
  requests: async ({ present }, count) =>
    some(present, count).map((token) => get("/api/auth/sessions", token)),
};

export const operations: readonly Operation[] = [verify, signIn, recheck, list];
