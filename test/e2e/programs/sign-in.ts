import assert from "node:assert/strict";
import type { Browser } from "playwright-core";
import { createEnrolledAccount } from "../support/accounts.ts";
import { Authenticator } from "../support/authenticator.ts";
import { Client, scriptLoad } from "../support/client.ts";
import type { Gate } from "../support/gates.ts";
import { Visitor } from "../support/visitor.ts";

/** How a program shows a session of Sallyport: as a `Cookie` header, or as a bearer token. */
export interface ProgramSession {
  readonly cookie: string;
  readonly token: string;
}

/** `FIRST_FACTOR=password`: a visitor who asks for a page, and gets it after the password and the code. */
export async function arriveSignedIn(browser: Browser, gate: Gate, path: string): Promise<Visitor> {
  const account = await createEnrolledAccount(gate, "visitor");
  const visitor = await Visitor.arrive(browser, gate);
  await visitor.open(path);
  assert.equal(visitor.pathname, `${gate.basePath}/sign-in`);
  await visitor.signIn(account);
  await visitor.giveCode(await account.authenticator.soonestCode());
  return visitor;
}

/** `FIRST_FACTOR=password`: the session of a program that signs in with password and code. */
export async function signInProgram(gate: Gate): Promise<ProgramSession> {
  const { username, password, authenticator } = await createEnrolledAccount(gate, "program");
  const client = new Client(gate.baseUrl, gate.basePath);
  await client.call("/login", { username, password });
  const verified = await client.call("/totp/verify", { code: await authenticator.soonestCode() });
  return { cookie: client.cookies, token: String(verified.session_token) };
}

/** `FIRST_FACTOR=origin`: the `Cookie` header of a program that has enrolled the account that its `Authorization` names. */
export async function enrolProgram(gate: Gate, authorization: string): Promise<string> {
  const client = new Client(gate.baseUrl, gate.basePath);
  const headers = { ...scriptLoad, Authorization: authorization, "Content-Type": "application/json" };
  const call = async (method: string, path: string, body?: object) => {
    const answer = await client.ask(gate.basePath + path, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    assert.ok(answer.status < 400, `${method} ${path}: ${answer.status} ${answer.body}`);
    return answer.body;
  };
  await call("GET", "/second-factor");
  const { data } = JSON.parse(await call("POST", "/totp/setup", {})) as { data: { secret: string } };
  await call("POST", "/totp/enable", { code: await new Authenticator(data.secret).soonestCode() });
  return client.cookies;
}

/** `FIRST_FACTOR=origin`: from the first page of the set-up back to where the visitor wanted to go. */
export async function enrolVisitor(visitor: Visitor, { basePath }: Gate): Promise<Authenticator> {
  assert.equal(visitor.pathname, `${basePath}/account/two-factor`);
  await visitor.press("Show me the QR code");
  const authenticator = new Authenticator((await visitor.readManualKey()).replaceAll(" ", ""));
  await visitor.confirmApp(await authenticator.soonestCode());
  await visitor.shows("Save your backup codes");
  await visitor.follow("I have saved them: continue");
  assert.ok(!visitor.pathname.startsWith(`${basePath}/`));
  return authenticator;
}
