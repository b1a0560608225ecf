import { expect } from "vitest";
import { browserHeaders, sessionCookieName } from "./cookies.ts";
import { type Answer, type CallOptions, Client } from "./worker.ts";

/** Sends `GET /session` with this token. */
export const readSession = (token: string, worker = new Client()): Promise<Answer> =>
  worker.call("/session", { token });

/** The options of a call that sends the token in the cookie, as a browser does. */
export const asBrowser = (token: string): CallOptions => ({
  headers: browserHeaders({ [sessionCookieName]: token }),
});

/** Expects the token to be rejected. */
export async function expectEnded(token: string): Promise<void> {
  expect((await readSession(token)).status).toBe(401);
}

/** Expects the token to be accepted. */
export async function expectActive(token: string): Promise<void> {
  expect((await readSession(token)).status).toBe(200);
}
