import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import type { Bindings } from "../../src/runtime.ts";
import {
  type Backend,
  createBackendUser,
  type EnrolledBackendUser,
  enrolBackendUser,
  type Options,
} from "./backend.ts";
import { Browser, type Page } from "./browser.ts";
import { type Answer, base, Client, environment, host, type Overrides } from "./worker.ts";

export const challengeCookieName = "__Host-sallyport-challenge";

/** The return URLs of the shop's key. */
export const shopUrls = ["https://shop.example/confirmed"] as const;

export interface Challenge {
  readonly id: string;
  readonly url: string;
}

/** The default body of `POST /v1/challenges`. */
export const challengeInput = (user: string, fields: Overrides = {}) => ({
  user,
  return_to: "https://shop.example/confirmed?order=7",
  action: "Pay 20 € to Bob",
  nonce: "n-81",
  ...fields,
});

/** Creates a challenge for a user of the backend. */
export async function createChallenge(
  backend: Backend,
  user: string,
  fields: Overrides = {},
  options: Options = {},
): Promise<Challenge> {
  const answer = await backend.post("/v1/challenges", challengeInput(user, fields), options);
  if (answer.status !== 201) throw new Error(`POST /v1/challenges: ${answer.status} ${answer.text}`);
  return answer.json.data;
}

/** Reads the state of a challenge with the service API. */
export const statusOf = async (backend: Backend, { id }: Challenge): Promise<Answer["json"]> =>
  (await backend.get(`/v1/challenges/${id}`)).json.data;

/** A browser that has opened the URL of a challenge. */
export async function visitChallenge(
  { url }: Challenge,
  bindings: Bindings = environment(),
  browser = new Browser(bindings),
): Promise<Browser> {
  await browser.open(pathOf(url));
  return browser;
}

/** The path and query of a URL of the Worker. */
export function pathOf(url: string): string {
  if (!url.startsWith(`${host}${base}/`)) throw new Error(`${url} is not the Worker's`);
  return url.slice(host.length);
}

/** The URL of a page's automatic redirect, which the page's link has as well. Null when the page has none. */
export function redirectTarget({ html, links }: Page): URL | null {
  const text = /<meta http-equiv="refresh" content="0; url=([^"]*)"/.exec(html)?.[1];
  if (text === undefined) return null;
  const address = text.replaceAll("&amp;", "&");
  if (!links.some(({ href }) => href === address)) throw new Error(`There is no link to ${address}`);
  return new URL(address);
}

/** The receipt in the URL that a page redirects to. */
export function receiptOn(page: Page): string {
  const receipt = redirectTarget(page)?.searchParams.get("receipt");
  if (typeof receipt !== "string") throw new Error(`There is no receipt: ${page.status} ${page.text}`);
  return receipt;
}

/** Verifies a receipt with the published keys, and returns its claims. */
export async function verifyReceipt(receipt: string, audience: string) {
  const jwks = (await new Client().call("/.well-known/jwks.json")).json;
  const { payload } = await jwtVerify(receipt, createLocalJWKSet(jwks), {
    algorithms: ["EdDSA"],
    typ: "sallyport-receipt+jwt",
    issuer: host + base,
    audience,
    currentDate: new Date(),
  });
  return payload;
}

/** The claims of a receipt, without verification. */
export const readReceipt = (page: Page) => decodeJwt(receiptOn(page));

/** The heading of the page of an ended challenge. */
export const endedHeading = "This confirmation has ended";

/** Submits a code on the page of a challenge. */
export const submitCode = (browser: Browser, text: string): Promise<Page> =>
  browser.submit("/second-factor", { code: text });

/** Submits a step of the wizard. */
export const step = (
  browser: Browser,
  name: "start" | "confirm",
  values: Record<string, string> = {},
): Promise<Page> => browser.submit("/account/two-factor", { step: name, ...values });

/** Creates a user with a second factor, and a browser at a challenge for it. Needs a stopped clock. */
export async function askForCode(
  backend: Backend,
  fields: Overrides = {},
): Promise<{ user: EnrolledBackendUser; challenge: Challenge; browser: Browser }> {
  const user = await enrolBackendUser(backend, "42", { username: "ada" });
  const challenge = await createChallenge(backend, user.id, fields);
  return { user, challenge, browser: await visitChallenge(challenge) };
}

/** Creates a browser at a challenge for a user without a second factor. */
export async function askForSetup(
  backend: Backend,
): Promise<{ challenge: Challenge; browser: Browser; storedId: string }> {
  const { storedId } = await createBackendUser(backend, "42", { username: "ada" });
  const challenge = await createChallenge(backend, "42");
  return { challenge, browser: await visitChallenge(challenge), storedId };
}
