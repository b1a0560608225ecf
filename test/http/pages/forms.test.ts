import { beforeEach, describe, expect, it } from "vitest";
import { createReadyAccount } from "../../support/accounts.ts";
import { Browser } from "../../support/browser.ts";
import { useFreshWorker } from "../../support/fresh-worker.ts";
import { gated, mintSessionToken, pageLoad, visit } from "../../support/gate.ts";
import { openSite, passBothFactors, passFirstFactor, site } from "../../support/site.ts";
import { code, host, send } from "../../support/worker.ts";

useFreshWorker();
beforeEach(openSite);

const base = "/api/auth";
describe("a form that another site sends", () => {
  const evil = { origin: "https://evil.example", site: "cross-site" } as const;
  const sibling = { origin: "https://evil.site.example", site: "same-site" } as const;

  it.each([
    ["/sign-in", { username: "ada", password: "correct horse battery", rd: "/" }],
    ["/second-factor", { code: "123456" }],
    ["/sign-out", {}],
    ["/account/two-factor", { step: "start" }],
    ["/account/backup-codes", { code: "123456" }],
    ["/account/two-factor/disable", { code: "123456", password: "x" }],
    ["/account/sessions/end", { id: "x" }],
    ["/account/sessions/end-others", {}],
  ] as [string, Record<string, string>][])(
    "WB-01 to %s gets a page with 403, and nothing happens",
    async (path, fields) => {
      const browser = await passBothFactors(await createReadyAccount());
      const { cookies } = browser;
      for (const from of [evil, sibling, { origin: "null", site: "cross-site" } as const]) {
        const page = await browser.post(path, fields, from);
        expect([page.status, page.heading]).toEqual([403, "Cross-origin request"]);
        expect(page.text).toContain("csrf_rejected");
      }
      expect(browser.cookies).toEqual(cookies);
      expect((await browser.open(`${base}/account`)).heading).toBe("Your account");
    },
  );

  const post = async (headers: Record<string, string>, session?: string) => {
    const all = { "Content-Type": "application/x-www-form-urlencoded", ...headers };
    return (
      await visit(site, `${base}/sign-out`, {
        method: "POST",
        headers: all,
        body: "",
        ...(session && { session }),
      })
    ).status;
  };

  it("WB-01 is told by Origin where a browser has no Sec-Fetch-Site", async () => {
    const session = await mintSessionToken();
    expect(await post({ Origin: host }, session)).toBe(200);
    const foreign = [
      "https://evil.example",
      `${host}.evil.example`,
      "https://evil-site.example",
      `${host}:8443`,
      "null",
    ];
    for (const Origin of [...foreign, "", "garbage", "https://site.example@evil.example"])
      expect([Origin, await post({ Origin }, session)]).toEqual([Origin, 403]);
  });

  it("WB-01 is told by Sec-Fetch-Site first, which no script can set", async () => {
    const session = await mintSessionToken();
    for (const site of ["cross-site", "same-site", "none", "", "SAME-ORIGIN", "same-origin, cross-site"])
      expect([site, await post({ Origin: host, "Sec-Fetch-Site": site }, session)]).toEqual([site, 403]);
    expect(await post({ Origin: host, "Sec-Fetch-Site": "same-origin" }, session)).toBe(200);
  });

  it("WB-01 that says nothing of where it comes from is no browser's, and may carry no cookie", async () => {
    expect(await post({}, await mintSessionToken())).toBe(403);
    expect(await post({ Cookie: "__Host-sallyport-pending=x" })).toBe(403);
    expect(await post({ Cookie: "other=1" })).toBe(200);
  });

  it("WB-01 SE-05 finds no way round by GET: links change nothing", async () => {
    const browser = await passBothFactors(await createReadyAccount());
    for (const path of [
      "/sign-out",
      "/sign-out?confirm=1",
      "/account/two-factor?step=start",
      "/account/two-factor/disable?code=1",
      "/account/sessions/end?id=x",
      "/account/sessions/end-others",
      "/account/backup-codes",
    ])
      await browser.open(base + path);
    expect((await browser.open(`${base}/account`)).heading).toBe("Your account");
  });
});

describe("a form with something wrong in it", () => {
  const form = (fields: string, contentType = "application/x-www-form-urlencoded", path = "/sign-in") =>
    send(
      new Request(host + base + path, {
        method: "POST",
        redirect: "manual",
        headers: { ...pageLoad, Origin: host, "Sec-Fetch-Site": "same-origin", "Content-Type": contentType },
        body: fields,
      }),
      site,
    );

  it.each([
    ["a field that is there twice", "username=ada&password=x&username=bob", 400],
    [
      "a field that is there twice in two spellings of its name",
      "username=ada&password=x&user%6eame=bob",
      400,
    ],
    ["two return paths", "username=ada&password=x&rd=%2Fa&rd=%2Fb", 400],
    ["a field that it does not have", "username=ada&password=x&role=admin", 400],
    ["a prototype", "username=ada&password=x&__proto__=y", 400],
    ["a field missing", "username=ada", 422],
    ["nothing in it", "", 422],
    ["a user name without end", `username=${"x".repeat(1025)}&password=x`, 422],
    ["a password without end", `username=ada&password=${"x".repeat(4097)}`, 422],
    ["a body without end", `username=ada&password=${"x".repeat(17_000)}`, 413],
    ["bytes that are not UTF-8", "username=%ff%fe&password=%00", 400],
  ])("WB-08 is refused: %s", async (_what, fields, status) => {
    const response = await form(fields);
    expect(response.status).toBe(status);
    expect(response.headers.get("Content-Type")).toBe("text/html; charset=UTF-8");
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  it.each([
    "text/plain",
    "application/json",
    "multipart/form-data; boundary=x",
    "",
    "application/x-www-form-urlencodedx",
  ])("WB-08 is refused when it comes as %j", async (type) => {
    expect((await form("username=ada&password=x", type)).status).toBe(415);
  });

  it("WB-08 is refused on its way when it is one megabyte, said or not", async () => {
    const body = `username=ada&password=${"x".repeat(1_048_576)}`;
    expect((await form(body)).status).toBe(413);
    const stream = new Blob([body]).stream();
    const request = new Request(`${host}${base}/sign-in`, {
      method: "POST",
      headers: { Origin: host, "Content-Type": "application/x-www-form-urlencoded" },
      body: stream,
    });
    expect((await send(request, site)).status).toBe(413);
  });

  it("WB-10 is not looked for in the address", async () => {
    const user = await createReadyAccount();
    const browser = await passFirstFactor(user);
    await browser.open(`${base}/second-factor?code=${await code(user.secret)}`);
    expect([browser.page.heading, browser.page.field("code")]).toEqual(["Enter your code", ""]);
    const { username, password } = user;
    const stranger = new Browser(site);
    const page = await stranger.open(
      `${base}/sign-in?username=${username}&password=${encodeURIComponent(password)}`,
    );
    expect([page.heading, page.field("username"), page.field("password"), stranger.cookies]).toEqual([
      "Sign in",
      "",
      "",
      {},
    ]);
  });
});

describe("what a visitor types", () => {
  it("is shown again as text, whatever it is", async () => {
    const browser = new Browser(gated([], { ISSUER: `<b>"ACME" & 'Söhne'</b>` }));
    await browser.open(`/x?<script>alert(1)</script>"'`);
    const typed = `"><script>alert(2)</script><img src=x onerror=alert(3)>'`;
    const page = await browser.submit("/sign-in", { username: typed, password: "wrong-password-1" });
    expect(page.html).not.toMatch(/<script>|<img|<b>/);
    expect(page.field("username")).toBe(typed);
    expect(page.text).toContain(`<b>"ACME" & 'Söhne'</b>`);
  });
});
