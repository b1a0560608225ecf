/**
 * `FIRST_FACTOR=origin` in front of unchanged third-party applications with their own login: in Chromium from the application's login page
 * through the second factor to a protected page, and sign-out.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser, WebSocket } from "playwright-core";
import type { App } from "./apps/app.ts";
import {
  basic,
  bearer,
  fossil,
  garbage,
  jsreport,
  mediaWiki,
  type Shown,
  type SignedIn,
  type Subject,
  signalK,
  sonicJs,
} from "./apps/subjects.ts";
import { Authenticator, decodeQr } from "./support/authenticator.ts";
import { launchBrowser } from "./support/browser.ts";
import { type Answer, Client, pageLoad, scriptLoad } from "./support/client.ts";
import { type GatedApp, originVars, startGatedApp } from "./support/gated-app.ts";
import { Visitor } from "./support/visitor.ts";
import { openWebSocket } from "./support/web-socket.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const hasMediaWiki = ["/usr/bin/php", "/usr/share/mediawiki/index.php"].every((path) => existsSync(path));

let browser: Browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser?.close());

describe("Fossil", () => describeApp(fossil));
describe("Signal K", () => {
  describeApp(signalK, describeSockets);
});
describe("jsreport", () => describeApp(jsreport));
describe("SonicJS", () => describeApp(sonicJs));
describe("MediaWiki", { skip: !hasMediaWiki && "apt-get install mediawiki" }, () => describeApp(mediaWiki));

interface Cast {
  readonly gated: GatedApp;
  /** A visitor with both factors. */
  readonly first: Visitor;
  /** The cookies after the password only. */
  readonly victim: SignedIn;
  readonly attacker: Attacker;
}

/** The other account of the application, after its own second factor. */
interface Attacker extends SignedIn {
  readonly sallyportCookies: Readonly<Record<string, string>>;
  readonly authenticator: Authenticator;
}

/** An application, from the first visit to the sign-out. The tests build on each other. */
function describeApp(
  { start, vars, secret, carriers, noise }: Subject,
  describeMore?: (cast: () => Cast) => void,
): void {
  let gated: GatedApp;
  let first: Visitor;
  let authenticator: Authenticator;
  let stolen: string;
  let stolenCookies: Readonly<Record<string, string>>;

  const victim = (): SignedIn => {
    const { username, password } = gated.app;
    return { session: stolen, appCookies: stolenCookies, username, password };
  };

  before(async () => {
    gated = await startGatedApp(start, vars);
    first = await arrive(gated.app, gated.worker);
  });
  after(async () => {
    await first?.leave();
    await gated?.stop();
  });

  it("leads from its own login page through the set-up to a protected page", async () => {
    const { app } = gated;
    await signIn(first, app);
    authenticator = await enrol(first, gated);
    await assertProtectedPageShows(first, app);
    const answer = await ask(gated.worker.baseUrl, secret.path, await cookiesOf(first));
    assert.equal(answer.status, 200);
    assert.match(answer.body, secret.marker);
  });

  it("gives no byte to who has only the password", async () => {
    const { app, worker } = gated;
    const second = await arrive(app, worker);
    try {
      await signIn(second, app);
      assert.equal(second.pathname, "/api/auth/second-factor");
      const cookies = await cookiesOf(second);
      stolen = cookies[app.sessionCookies[0] ?? ""] ?? "";
      stolenCookies = withoutSallyport(cookies);

      const there = await ask(app.url, secret.path, cookies);
      assert.match(there.body, secret.marker);
      const program = await ask(worker.baseUrl, secret.path, cookies);
      assertRefused(program, secret.path);
      const page = await ask(worker.baseUrl, secret.path, cookies, pageLoad);
      assert.equal(page.status, 303);
      assert.match(page.headers.location ?? "", /^\/api\/auth\/second-factor\?rd=/);
      assert.equal(page.body, "");

      await second.typeCode(authenticator.wrongCode(), { label: "Code", button: "Continue" });
      assert.equal(second.pathname, "/api/auth/second-factor");
      assertRefused(await ask(worker.baseUrl, secret.path, await cookiesOf(second)), secret.path);
      await second.giveCode(await authenticator.soonestCode());
      await assertProtectedPageShows(second, app);
      assertQuiet(second, [app.password, stolen, authenticator.secret], noise);
    } finally {
      await second.leave();
    }
  });

  for (const { name, path, show, marker } of carriers) {
    it(`takes a session from ${name} for what it is, and no byte goes out`, async () => {
      const { app, worker } = gated;
      const { address, headers } = requestWith(path, show(victim()));
      const there = await ask(app.url, address, {}, headers);
      assert.match(there.body, marker);
      assertRefused(await ask(worker.baseUrl, address, {}, headers), address);
    });
  }

  describe("an attacker who has the victim's password, and an account with a second factor", () => {
    let attacker: Attacker;
    before(async () => {
      attacker = await enrolAttacker(gated);
    });

    const others = [
      ...carriers,
      // Not every application reads `Authorization`, and it is a credential all the same.
      { name: "Bearer", path: secret.path, show: () => ({ headers: { Authorization: bearer("garbage") } }) },
      { name: "Basic", path: secret.path, show: () => ({ headers: { Authorization: basic(garbage) } }) },
    ];
    const kinds = others.map(({ name, path, show }) => ({ name, paths: [path, secret.path], show }));

    for (const { name, paths, show } of kinds) {
      it(`INC-24 gets no byte by the victim's cookie beside garbage in ${name}`, async () => {
        for (const path of paths) await assertKept(path, {}, victim(), show(garbage));
        for (const path of paths) await assertKept(path, attacker.sallyportCookies, victim(), show(garbage));
      });
    }

    for (const { name, paths, show } of kinds.slice(0, carriers.length)) {
      it(`INC-24 gets no byte by the victim's cookie beside their own credential in ${name}`, async () => {
        for (const path of paths) await assertKept(path, attacker.sallyportCookies, victim(), show(attacker));
      });

      it(`INC-24 gets no byte by their own cookie beside the victim's credential in ${name}`, async () => {
        for (const path of paths) await assertKept(path, attacker.sallyportCookies, attacker, show(victim()));
      });
    }

    /** As a script and as a page load: a status of 4xx, and nothing of the victim's page. */
    async function assertKept(path: string, cookies: object, owner: SignedIn, shown: Shown) {
      const { address, headers } = requestWith(path, shown);
      const all = { ...cookies, ...owner.appCookies };
      for (const load of [scriptLoad, pageLoad]) {
        const { status, body } = await ask(gated.worker.baseUrl, address, all, { ...load, ...headers });
        assert.ok(status >= 400 && status < 500, `${status} for ${address}`);
        for (const { marker } of [secret, ...carriers]) assert.doesNotMatch(body, marker);
      }
    }

    describeMore?.(() => ({ gated, first, victim: victim(), attacker }));
  });

  it("signs out by its own logout", async () => {
    const { app, worker } = gated;
    const { page } = first;
    await first.open(app.logout.path);
    for (const selector of app.logout.clicks) await page.locator(selector).first().click();
    await page.locator(app.logout.signedOutSelector).first().waitFor();

    const answer = await ask(worker.baseUrl, secret.path, await cookiesOf(first), pageLoad);
    assert.doesNotMatch(answer.body, secret.marker);
    await first.open(app.login.path);
    await page.locator(app.login.password).waitFor();
    assert.equal(await page.locator(app.protectedSelector).count(), 0);
    assertQuiet(first, [app.password, authenticator.secret], noise);
  });

  it("asks for a code again after the next sign-in", async () => {
    await signIn(first, gated.app);
    assert.equal(first.pathname, "/api/auth/second-factor");
  });
}

/** The WebSocket that Signal K's pages live on, and one that is kept from nobody only by `ORIGIN_LOGIN`. */
function describeSockets(cast: () => Cast): void {
  it("delivers frames of its WebSocket after the second factor", async () => {
    const { gated, first } = cast();
    const opened = first.page.waitForEvent("websocket", isStream);
    await first.page.reload();
    const { payload } = await (await opened).waitForEvent("framereceived");
    assert.match(String(payload), /"name":"signalk-server"/);
    assert.equal(new URL((await opened).url()).host, new URL(gated.worker.baseUrl).host);
  });

  it("opens no WebSocket to who has only the password", async () => {
    const { gated, victim } = cast();
    const { session: stolen } = victim;
    const [cookie] = gated.app.sessionCookies;
    const shown: Array<[query: string, headers: Record<string, string>]> = [
      ["", { Cookie: `${cookie}=${stolen}` }],
      ["", { Authorization: bearer(stolen) }],
      ["", { "X-Authorization": bearer(stolen) }],
      [`?token=${stolen}`, {}],
    ];
    for (const [query, headers] of shown) {
      const named = query || Object.keys(headers).join();
      assert.equal(await handshake(gated.app.url, query, headers), "open");
      assert.notEqual(await handshake(gated.worker.baseUrl, query, headers), "open", named);
    }
  });

  // For its pages Signal K reads the cookie first, and for its WebSocket the cookie last.
  it("INC-24 opens no WebSocket of the victim to an attacker with a second factor of their own", async () => {
    const { gated, victim, attacker } = cast();
    const { app, worker } = gated;
    assert.equal(await handshake(worker.baseUrl, "", { Cookie: cookieHeader(attacker) }), "open");

    const shown = { Authorization: bearer(victim.session) };
    assert.equal(await handshake(app.url, "", shown), "open");
    const client = new Client(worker.baseUrl);
    for (const [name, value] of Object.entries(attacker.appCookies)) client.setCookie(name, value);
    await client.ask("/api/auth/second-factor", { headers: { ...pageLoad, ...shown } });
    await client.ask("/api/auth/totp/verify", {
      method: "POST",
      headers: { ...scriptLoad, ...shown, "Content-Type": "application/json", Origin: worker.baseUrl },
      body: JSON.stringify({ code: await attacker.authenticator.soonestCode() }),
    });
    for (const cookies of [client.cookies, cookieHeader(attacker)])
      for (const [query, headers] of [
        ["", shown],
        ["", { "X-Authorization": bearer(victim.session) }],
        [`?token=${victim.session}`, {}],
      ] as const) {
        const status = await handshake(worker.baseUrl, query, { Cookie: cookies, ...headers });
        assert.ok(
          status !== "open" && status >= 400 && status < 500,
          `${status} for ${query || Object.keys(headers)}`,
        );
      }
  });

  describe("with ORIGIN_LOGIN", () => {
    let worker: Worker;
    let visitor: Visitor;
    before(async () => {
      worker = await startWorker({ ...originVars(cast().gated.app), ...signalK.vars, ...closedSignalK });
      visitor = await arrive(cast().gated.app, worker);
    });
    after(async () => {
      await visitor?.leave();
      await worker?.stop();
    });

    it("opens no WebSocket to nobody, in which a password could be sent", async () => {
      assert.equal(await handshake(cast().gated.worker.baseUrl), "open");
      assert.equal(await handshake(worker.baseUrl), 401);
    });

    it("still leads from its login page through the set-up to a protected page", async () => {
      const { app } = cast().gated;
      await visitor.open("/");
      assert.equal(visitor.pathname, "/admin/");
      await signIn(visitor, app);
      // The page with the login is open to all, so that it is another one that asks for the second factor.
      await visitor.open("/");
      await enrol(visitor, cast().gated);
      await assertProtectedPageShows(visitor, app);
    });
  });
}

const isStream = (socket: WebSocket) => new URL(socket.url()).pathname === "/signalk/v1/stream";

/** What Signal K's login page needs. */
const closedSignalK = {
  ORIGIN_LOGIN: "/admin/#/login",
  POLICY: JSON.stringify([
    { path: "/admin/*", methods: ["GET"], require: "none" },
    { path: "/signalk/v1/auth/*", require: "none" },
    { path: "/skServer/loginStatus", methods: ["GET"], require: "none" },
  ]),
};

/** How Signal K's WebSocket answers: open, or with which status it is refused. */
async function handshake(
  baseUrl: string,
  query = "",
  headers: Record<string, string> = {},
): Promise<"open" | number> {
  const answer = await openWebSocket(`${baseUrl}/signalk/v1/stream${query}`, headers);
  if (!answer.open) return answer.status;
  answer.socket.destroy();
  return "open";
}

/** A browser that gets what the pages need from other hosts, none of which can be reached here. */
async function arrive({ publicFiles = {} }: App, worker: Worker): Promise<Visitor> {
  const visitor = await Visitor.arrive(browser, worker);
  for (const [address, path] of Object.entries(publicFiles))
    await visitor.page.route(address, (route) => route.fulfill({ path, contentType: "text/javascript" }));
  return visitor;
}

/** Signs in with the other account, and sets up its second factor without the pages. */
async function enrolAttacker({ app, worker }: GatedApp): Promise<Attacker> {
  const visitor = await arrive(app, worker);
  try {
    await signIn(visitor, { ...app, ...app.other });
    const client = new Client(worker.baseUrl);
    for (const [name, value] of Object.entries(await cookiesOf(visitor))) client.setCookie(name, value);
    const { data } = (await client.call("/totp/setup")) as { data: { secret: string } };
    const authenticator = new Authenticator(data.secret);
    await client.call("/totp/enable", { code: await authenticator.soonestCode() });
    const cookies = Object.fromEntries(client.cookies.split("; ").map((pair) => splitOnce(pair, "=")));
    const { path } = app.whoAmI;
    assert.equal((await ask(worker.baseUrl, path, cookies)).status, 200);
    const session = cookies[app.sessionCookies[0] ?? ""] ?? "";
    const appCookies = withoutSallyport(cookies);
    const sallyportCookies = Object.fromEntries(
      Object.entries(cookies).filter(([name]) => !(name in appCookies)),
    );
    return { ...app.other, session, appCookies, sallyportCookies, authenticator };
  } finally {
    await visitor.leave();
  }
}

const cookieHeader = ({ sallyportCookies, appCookies }: Attacker) =>
  Object.entries({ ...sallyportCookies, ...appCookies })
    .map((pair) => pair.join("="))
    .join("; ");

function withoutSallyport(cookies: Record<string, string>) {
  return Object.fromEntries(Object.entries(cookies).filter(([name]) => !name.includes("sallyport")));
}

function splitOnce(text: string, separator: string): [before: string, after: string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + separator.length)];
}

/** The address and headers of a request that shows a credential beside the session cookie. */
function requestWith(path: string, { query, headers = {} }: Shown) {
  const address = query === undefined ? path : `${path}${path.includes("?") ? "&" : "?"}${query}`;
  return { address, headers };
}

/** By the application's own form. Its script stays where it is, so that the next page load is the gate's. */
async function signIn(visitor: Visitor, { login, username, password }: App): Promise<void> {
  const { page } = visitor;
  await visitor.open(login.path);
  await page.locator(login.username).fill(username);
  await page.locator(login.password).fill(password);
  const submit = page.locator(login.submit);
  if (login.sentBy === "navigation") return visitor.go(() => submit.click());
  const signedIn = page.waitForResponse((response) => response.request().method() === "POST");
  await submit.click();
  assert.equal((await signedIn).status(), 200);
  await page.reload();
}

/** From the first page of the wizard back to where the visitor wanted to go. */
async function enrol(visitor: Visitor, { app, scratchDir }: GatedApp): Promise<Authenticator> {
  assert.equal(visitor.pathname, "/api/auth/account/two-factor");
  await visitor.press("Show me the QR code");
  await visitor.shows("Scan the QR code");
  const picture = join(scratchDir, "qr.png");
  await visitor.page.screenshot({ path: picture, fullPage: true });
  const uri = decodeQr(picture);
  assert.equal(decodeURIComponent(new URL(uri).pathname).split(":").at(-1), app.username);
  const authenticator = Authenticator.fromUri(uri);
  await visitor.confirmApp(await authenticator.soonestCode());
  await visitor.shows("Save your backup codes");
  await visitor.readBackupCodes();
  await visitor.follow("I have saved them: continue");
  assert.doesNotMatch(visitor.pathname, /^\/api\/auth/);
  return authenticator;
}

async function assertProtectedPageShows(visitor: Visitor, app: App): Promise<void> {
  await visitor.open(app.protectedPath);
  await visitor.page.locator(app.protectedSelector).first().waitFor();
}

/** 401, with nothing of the application, and the page that helps. */
function assertRefused({ status, headers, body }: Answer, path: string): void {
  assert.equal(status, 401);
  assert.match(headers["content-type"] ?? "", /^application\/problem\+json/);
  const { code, sign_in } = JSON.parse(body);
  assert.ok(["second_factor_required", "unauthenticated"].includes(code), code);
  assert.equal(sign_in, `/api/auth/second-factor?${new URLSearchParams({ rd: path })}`);
}

/** The browser has complained about nothing but what the application itself is to blame for, and told no secret. */
function assertQuiet({ traffic }: Visitor, secrets: string[], noise: readonly RegExp[]): void {
  const flaws = traffic.findFlaws(secrets);
  assert.deepEqual(
    flaws.filter((flaw) => !noise.some((pattern) => pattern.test(flaw))),
    [],
  );
}

async function cookiesOf({ page }: Visitor): Promise<Record<string, string>> {
  const cookies = await page.context().cookies();
  return Object.fromEntries(cookies.map(({ name, value }) => [name, value]));
}

/** What a script's `fetch` gets, or whatever these headers say, uncompressed so that it can be searched. */
function ask(
  baseUrl: string,
  path: string,
  cookies: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const client = new Client(baseUrl);
  for (const [name, value] of Object.entries(cookies)) client.setCookie(name, value);
  return client.ask(path, { headers: { ...scriptLoad, "Accept-Encoding": "identity", ...headers } });
}
