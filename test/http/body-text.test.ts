import { beforeEach, describe, expect, it } from "vitest";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { openSite, site } from "../support/site.ts";
import { type Account, base, createAccount, host, send } from "../support/worker.ts";

// INC-36: the runtime reads each byte that is not UTF-8 as U+FFFD, so two names, or two passwords, would be one.

useFreshWorker();
beforeEach(openSite);

const password = "corr\ufffdct horse battery";

/** The text in Latin-1: a byte for each character. */
const latin1 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));

function post(path: string, type: string, body: BodyInit): Promise<Response> {
  const headers = { "Content-Type": type, Origin: host, "Sec-Fetch-Site": "same-origin" };
  return send(new Request(host + base + path, { method: "POST", redirect: "manual", headers, body }), site);
}

describe("INC-36 bytes that are not UTF-8 in the body of a request", () => {
  const json = ({ username }: Account, sent: string) => JSON.stringify({ username, password: sent });
  const form = ({ username }: Account, sent: string) => `username=${username}&password=${sent}`;

  it.each([
    ["JSON", "/login", "application/json", json],
    ["a form", "/sign-in", "application/x-www-form-urlencoded", form],
  ] as const)("are no password whose characters stand for them: %s", async (_, path, type, bodyOf) => {
    const account = await createAccount("ada", password);
    for (const sent of ["corr\xe9ct horse battery", "corr\xffct horse battery"]) {
      const refused = await post(path, type, latin1(bodyOf(account, sent)));
      expect([refused.status, refused.headers.getSetCookie()]).toEqual([400, []]);
    }
  });

  it("are refused in the escapes of a form, too", async () => {
    const { username } = await createAccount("ada", password);
    for (const fields of [
      `username=${username}&password=corr%E9ct+horse+battery`,
      `username=${username}%FF&password=x`,
      `username=${username}&password=x&rd=%2F%E1dmin`,
    ]) {
      const refused = await post("/sign-in", "application/x-www-form-urlencoded", fields);
      expect([fields, refused.status]).toEqual([fields, 400]);
      expect(refused.headers.getSetCookie()).toEqual([]);
    }
  });

  it("are not what a password in UTF-8 has", async () => {
    const account = await createAccount("ada", "corréct horse battery");
    const accepted = await post("/login", "application/json", json(account, "corréct horse battery"));
    expect(accepted.status).toBe(200);
  });
});
