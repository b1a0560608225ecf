import { randomBytes } from "node:crypto";
import { Authenticator } from "./authenticator.ts";
import type { Sallyport as RunningSallyport } from "./sallyport.ts";

/** What its administrator needs. */
type Sallyport = Pick<RunningSallyport, "baseUrl" | "adminKey"> & { readonly basePath?: string };

export type Account = { username: string; password: string };

export type EnrolledAccount = Account & { authenticator: Authenticator; backupCodes: string[] };

type Answer = { session_token?: string; data?: { provisioning_uri?: string; backup_codes?: string[] } };

/** Creates an account for one test only, as an operator does. */
export async function createAccount(sallyport: Sallyport, name: string): Promise<Account> {
  const suffix = randomBytes(4).toString("hex");
  const account = { username: `${name}-${suffix}`, password: randomBytes(9).toString("base64url") };
  await post(sallyport, "/v1/users", account, sallyport.adminKey);
  return account;
}

/** An account with two-factor authentication, set up through the API by a session that is over. */
export async function createEnrolledAccount(sallyport: Sallyport, name: string): Promise<EnrolledAccount> {
  const account = await createAccount(sallyport, name);
  const { session_token: token } = await post(sallyport, "/login", account);
  const { data: set } = await post(sallyport, "/totp/setup", undefined, token);
  const authenticator = Authenticator.fromUri(set?.provisioning_uri ?? "");
  const code = await authenticator.soonestCode();
  const { data: enabled } = await post(sallyport, "/totp/enable", { code }, token);
  await post(sallyport, "/logout", undefined, token);
  return { ...account, authenticator, backupCodes: enabled?.backup_codes ?? [] };
}

/** One wrong password after another, until the account is closed to this network (10 in 15 minutes). */
export async function failToSignIn(sallyport: Sallyport, account: Account, times: number): Promise<void> {
  for (let count = 0; count < times; count++) {
    const response = await send(sallyport, "/login", { ...account, password: "not the password" });
    if (response.status !== 401) throw new Error(`POST /login: ${response.status}`);
  }
}

async function post(sallyport: Sallyport, path: string, body?: object, bearer?: string): Promise<Answer> {
  const response = await send(sallyport, path, body, bearer);
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

function send(
  { baseUrl, basePath = "/api/auth" }: Sallyport,
  path: string,
  body: object = {},
  bearer?: string,
): Promise<Response> {
  return fetch(baseUrl + basePath + path, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
    },
    body: JSON.stringify(body),
  });
}
