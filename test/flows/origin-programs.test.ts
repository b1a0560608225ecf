import { beforeEach, describe, expect, it } from "vitest";
import { advance } from "../support/clock.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { Browser, openSite, type Site } from "../support/origin-site.ts";
import { code } from "../support/worker.ts";

// docs/first-factor.md, "A program with the site's Authorization", and what it says about page loads and scripts that send
// different credentials.

let site: Site;
useFreshWorker();
beforeEach(() => {
  site = openSite();
  site.sessions.set("S", "ada");
  site.whoAmI = ({ headers }) =>
    headers.get("Authorization") === "Basic YWRh" || headers.get("Cookie")?.includes("sid=S")
      ? Response.json({ user: { name: "ada" } })
      : new Response(null, { status: 401 });
});

/** Sends JSON as curl does: from no page, with the header that the guide names. */
const call = (program: Browser, path: string, body?: object, headers = { "Sec-Fetch-Site": "same-origin" }) =>
  program.request(`/api/auth${path}`, {
    method: "POST",
    headers: { ...headers, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

function basicProgram(): Browser {
  const program = new Browser();
  program.added.Authorization = "Basic YWRh";
  return program;
}

/** Sets a second factor up by the API alone. Returns its secret. */
async function enrol(program: Browser): Promise<string> {
  const first = await program.request("/api/auth/second-factor");
  expect([first.status, first.headers.get("Location")]).toEqual([303, "/api/auth/account/two-factor"]);
  const setUp = (await (await call(program, "/totp/setup")).json()) as { data: { secret: string } };
  const enabled = await call(program, "/totp/enable", { code: await code(setUp.data.secret) });
  expect(enabled.status).toBe(200);
  advance(30);
  return setUp.data.secret;
}

describe("a program that sends the site's Authorization", () => {
  it("enrols with a cookie jar, and passes from then on", async () => {
    const program = basicProgram();
    await enrol(program);
    expect((await program.script("/data")).status).toBe(200);
  });

  it("passes after GET /second-factor and POST /totp/verify", async () => {
    const secret = await enrol(basicProgram());
    const program = basicProgram();
    expect((await program.script("/data")).status).toBe(401);
    expect((await program.request("/api/auth/second-factor")).status).toBe(200);
    const verified = await call(program, "/totp/verify", { code: await code(secret) });
    expect(verified.status).toBe(200);
    expect((await program.script("/data")).status).toBe(200);
  });

  it("WB-01 is refused without Sec-Fetch-Site, when its Authorization is no bearer token", async () => {
    const program = basicProgram();
    await program.request("/api/auth/second-factor");
    const response = await call(program, "/totp/setup", undefined, {} as never);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
      403,
      "csrf_rejected",
    ]);
  });

  it("INC-23 a script that sends Authorization beside the cookie of the page loads gets 401, with the code of the page, too", async () => {
    const browser = Browser.signedIn("S");
    const secret = await browser.enrol();
    expect((await browser.load("/inbox")).status).toBe(200);
    const askAsScript = async () => {
      const response = await browser.script("/data", { headers: { Authorization: "Basic YWRh" } });
      const { code: reason, sign_in: page } = (await response.json()) as Record<string, unknown>;
      return [response.status, reason, page];
    };
    const refused = [401, "second_factor_required", "/api/auth/second-factor?rd=%2Fdata"];
    expect(await askAsScript()).toEqual(refused);
    await browser.passSecondFactor(secret);
    expect((await browser.load("/inbox")).status).toBe(200);
    expect(await askAsScript()).toEqual(refused);
  });
});
