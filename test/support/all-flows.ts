import { createExecutionContext, createScheduledController, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import worker from "../../src/index.ts";
import type { Bindings } from "../../src/runtime.ts";
import { createReadyAccount, fullToken, verify } from "./accounts.ts";
import { Browser } from "./browser.ts";
import { advance } from "./clock.ts";
import { browserHeaders, pendingCookieName, sessionCookieName } from "./cookies.ts";
import { failAlways, failBatches } from "./d1.ts";
import { ask, asked, endpoints, page, proxyKey } from "./forward-auth.ts";
import { gated, mockOrigin, visit } from "./gate.ts";
import { generateKey, IdentityProvider } from "./identity-provider.ts";
import { randomKey } from "./keyring.ts";
import { tapKv } from "./kv.ts";
import { Site, Browser as SiteBrowser } from "./origin-site.ts";
import { query } from "./rows.ts";
import type { SensitiveData } from "./sensitive-data.ts";
import { backupCodesOn, secretOn } from "./site.ts";
import { type Answer, Client, code, environment, type Overrides, wrongCode } from "./worker.ts";

/** Uses every flow, failures included, and collects the sensitive values. */
export async function useAllFlows(book: SensitiveData): Promise<void> {
  book.note("admin key", env.ADMIN_KEY);
  book.note("export key", env.EXPORT_KEY);
  book.note("keyring", env.KEYRING, env.KEYRING.split(":")[1]);
  book.note("proxy key", proxyKey);
  await makeAccounts(book);
  await useExportKey(book);
  await failFirstFactors(book);
  await useApi(book);
  await usePages(book);
  await useGate(book);
  await useOtherFirstFactors(book);
  await sendNonsense(book);
  await breakStores(book);
  await runScheduled({ KEYRING: `k-new:${book.noteAs("keyring", randomKey())},${env.KEYRING}` });
}

const password = "tuna-melt parachute 91";
const wrongPassword = "wrong-password-1848";
const client = new Client();

/** Throws when a flow gets another status than expected. */
function expectStatus<T extends { readonly status: number }>(answer: T, status: number): T {
  if (answer.status !== status)
    throw new Error(`${answer.status} for ${status}: ${Reflect.get(answer, "text")}`);
  return answer;
}

async function nextCode(book: SensitiveData, secret: string): Promise<string> {
  advance(30);
  return book.noteCode(await code(secret));
}

const wrong = async (book: SensitiveData, secret: string) => book.noteCode(await wrongCode(secret));

const logIn = async (username: string, text = password, options = {}): Promise<Answer> =>
  client.login({ username, password: text }, options);

async function makeAccounts(book: SensitiveData): Promise<void> {
  book.note("password", password, encodeURIComponent(password), "tiny-77");
  const token = env.ADMIN_KEY;
  const ada = { username: "ada", password, email: "ada@example.com" };
  expectStatus(await client.post("/v1/users", ada, { token }), 201);
  expectStatus(await client.post("/v1/users", ada, { token }), 409);
  for (const username of ["bob", "carol"])
    expectStatus(await client.post("/v1/users", { username, password }, { token }), 201);
  expectStatus(await client.post("/v1/users", { username: "dan", password: "tiny-77" }, { token }), 422);
  const wrongKey = book.noteAs("wrong API key", "wrong-api-key-71");
  expectStatus(await client.post("/v1/users", ada, { token: wrongKey }), 401);
  const field = book.noteAs("unknown field", "password-as-a-field-name-55");
  expectStatus(await client.post("/v1/users", { ...ada, [field]: 1 }, { token }), 400);
  await query("UPDATE users SET disabled_at = ? WHERE username = 'carol'", Date.now());
}

/** An account of ADMIN_USERS is changed with EXPORT_KEY only. */
async function useExportKey(book: SensitiveData): Promise<void> {
  const guarded = new Client(environment({ ADMIN_USERS: "carol" }));
  const [{ id } = { id: "" }] = await query<{ id: string }>("SELECT id FROM users WHERE username = 'carol'");
  const wrongKey = book.noteAs("export key", "wrong-export-key-4410");
  for (const [shown, status] of [
    [{}, 403],
    [{ "X-Sallyport-Export-Key": wrongKey }, 403],
    [{ "X-Sallyport-Export-Key": env.EXPORT_KEY }, 200],
  ] as const) {
    const options = { token: env.ADMIN_KEY, headers: shown };
    expectStatus(await guarded.post(`/v1/users/${id}/unlock`, {}, options), status);
  }
}

/** Correct and wrong passwords, known and unknown names, and a password in the field of the name. */
async function failFirstFactors(book: SensitiveData): Promise<void> {
  book.note("password", wrongPassword, "password-of-nobody");
  const unknown = book.noteAs("unknown name", "somebody-unknown-77");
  expectStatus(await logIn(unknown, "password-of-nobody"), 401);
  expectStatus(await logIn(password, "password-of-nobody"), 401);
  expectStatus(await logIn("ada", wrongPassword), 401);
  expectStatus(await logIn("carol"), 401);
  const browser = new Browser(gated());
  await browser.open("/api/auth/sign-in");
  const typo = book.noteAs("unknown name", "typo-page-name-78");
  expectStatus(await browser.submit("/sign-in", { username: typo, password: "password-of-nobody" }), 401);
  // As many as block the account, in D1 and KV.
  const address = "198.51.100.9";
  for (let i = 0; i < 10; i++) await logIn("ada", wrongPassword, { address });
  expectStatus(await logIn("ada", password, { address }), 429);
}

async function useApi(book: SensitiveData): Promise<void> {
  const first = expectStatus(await logIn("ada"), 200).json.session_token;
  const options = { token: first };
  const setup = expectStatus(await client.post("/totp/setup", {}, options), 200).json.data;
  const secret = book.noteSecret(setup.secret);
  book.note("provisioning URI", setup.provisioning_uri);
  book.note("QR code", setup.qr_code.slice(-200));
  const wrongText = await wrong(book, secret);
  expectStatus(await client.post("/totp/enable", { code: wrongText }, options), 401);
  const noCode = book.noteAs("nonsense that was sent", "not a code 4711");
  expectStatus(await client.post("/totp/enable", { code: noCode }, options), 422);
  const other = book.noteSecret("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");
  const text = await nextCode(book, secret);
  expectStatus(await client.post("/totp/enable", { code: text, secret: other }, options), 409);
  const enabled = expectStatus(await client.post("/totp/enable", { code: text, secret }, options), 200);
  const backupCodes: string[] = enabled.json.data.backup_codes;
  await book.noteBackupCodes(backupCodes);
  await passSecondDoor(book, secret, backupCodes);
  await useSession(book, secret);
}

async function passSecondDoor(
  book: SensitiveData,
  secret: string,
  backupCodes: readonly string[],
): Promise<void> {
  const pending = expectStatus(await logIn("ada"), 200).json.session_token;
  expectStatus(await verify(pending, await wrong(book, secret)), 401);
  const right = await nextCode(book, secret);
  expectStatus(await verify(pending, right), 200);
  const second = expectStatus(await logIn("ada"), 200).json.session_token;
  expectStatus(await verify(second, right), 401);
  await book.noteBackupCodes(["ZZZZ-ZZZZ"]);
  expectStatus(await verify(second, "ZZZZ-ZZZZ"), 401);
  expectStatus(await verify(second, backupCodes[0]), 200);
  const third = expectStatus(await logIn("ada"), 200).json.session_token;
  expectStatus(await verify(third, backupCodes[0]), 401);
  const cookie = browserHeaders({ [pendingCookieName]: third });
  expectStatus(
    await client.post("/totp/verify", { code: await nextCode(book, secret) }, { headers: cookie }),
    200,
  );
  const fourth = expectStatus(await logIn("ada"), 200).json.session_token;
  for (let i = 0; i < 4; i++) expectStatus(await verify(fourth, await wrong(book, secret)), 401);
  expectStatus(await verify(fourth, await wrong(book, secret)), 401);
  expectStatus(await verify(fourth, await nextCode(book, secret)), 429);
  advance(60);
}

async function useSession(book: SensitiveData, secret: string): Promise<void> {
  const pending = expectStatus(await logIn("ada"), 200).json.session_token;
  const full = expectStatus(await verify(pending, await nextCode(book, secret)), 200).json.session_token;
  for (const path of ["/totp", "/session", "/sessions"])
    expectStatus(await client.call(path, { token: full }), 200);
  const stepUp = (text: string) => client.post("/step-up", { code: text }, { token: full });
  expectStatus(await stepUp(await wrong(book, secret)), 401);
  const token = expectStatus(await stepUp(await nextCode(book, secret)), 200).json.session_token;
  const regenerate = (text: string) => client.post("/backup-codes", { code: text }, { token });
  expectStatus(await regenerate(await wrong(book, secret)), 401);
  const fresh = expectStatus(await regenerate(await nextCode(book, secret)), 200).json.data.backup_codes;
  await book.noteBackupCodes(fresh);
  const replacement = expectStatus(await client.post("/totp/setup", {}, { token }), 200).json.data;
  book.noteSecret(replacement.secret);
  const others = expectStatus(await client.call("/sessions", { token }), 200).json.data.sessions;
  const another = others.find(({ current }: { current: boolean }) => !current).id;
  expectStatus(await client.call(`/sessions/${another}`, { method: "DELETE", token }), 200);
  expectStatus(await client.call("/sessions", { method: "DELETE", token }), 200);
  const disable = (text: string, typed: string) =>
    client.post("/totp/disable", { code: text, password: typed }, { token });
  expectStatus(await disable(await nextCode(book, secret), wrongPassword), 401);
  expectStatus(await disable(await wrong(book, secret), password), 401);
  expectStatus(await disable(await nextCode(book, secret), password), 200);
  expectStatus(await client.post("/logout", {}, { token }), 200);
  expectStatus(await client.call("/session", { token }), 401);
}

/** The same in a browser without JavaScript, from the site's front page to sign-out. */
async function usePages(book: SensitiveData): Promise<void> {
  mockOrigin();
  const browser = new Browser(gated());
  const search = book.noteAs("query of a request", "in-the-query-9182");
  await browser.open(`/reports?token=${search}`);
  await browser.submit("/sign-in", { username: "bob", password: wrongPassword });
  await browser.submit("/sign-in", { username: "bob", password });
  const scan = await browser.submit("/account/two-factor", { step: "start" });
  const secret = book.noteSecret(secretOn(scan));
  book.note("provisioning URI", scan.links.find(({ href }) => href.startsWith("otpauth:"))?.href);
  const confirm = (text: string) => browser.submit("/account/two-factor", { step: "confirm", code: text });
  expectStatus(await confirm(await wrong(book, secret)), 401);
  await book.noteBackupCodes(backupCodesOn(await confirm(await nextCode(book, secret))));
  await browser.open("/api/auth/account");
  const regenerate = (text: string) => browser.submit("/account/backup-codes", { code: text });
  expectStatus(await regenerate(await wrong(book, secret)), 401);
  await book.noteBackupCodes(backupCodesOn(await regenerate(await nextCode(book, secret))));
  await browser.open("/api/auth/sign-out");
  await browser.submit("/sign-out");

  await browser.open("/api/auth/sign-in");
  await browser.submit("/sign-in", { username: "bob", password });
  const entryPoint = (text: string) => browser.submit("/second-factor", { code: text });
  expectStatus(await entryPoint(await wrong(book, secret)), 401);
  expectStatus(await entryPoint(await nextCode(book, secret)), 200);
  await browser.open("/api/auth/account");
  const disable = (text: string, typed: string) =>
    browser.submit("/account/two-factor/disable", { code: text, password: typed });
  expectStatus(await disable(await nextCode(book, secret), wrongPassword), 401);
  expectStatus(await disable(await nextCode(book, secret), password), 200);
}

async function useGate(book: SensitiveData): Promise<void> {
  const origin = mockOrigin();
  const account = await createReadyAccount("erin");
  book.note("password", account.password);
  book.noteSecret(account.secret);
  await book.noteBackupCodes(account.backupCodes);
  const session = await fullToken(account);
  const bindings = gated([{ path: "/pay", require: "second_factor", max_age: 10 }], { PROXY_KEY: proxyKey });
  const search = book.noteAs("query of a request", "gate-query-5531");
  expectStatus(await visit(bindings, `/private?key=${search}`, { session }), 200);
  book.note("assertion", origin.only().headers.get("X-Sallyport-Assertion") ?? undefined);
  const forged = { Authorization: `Bearer ${session}`, "Remote-User": "root", "X-Sallyport-Assertion": "x" };
  expectStatus(await visit(bindings, "/private", { headers: forged }), 200);
  expectStatus(await visit(bindings, "/pay", { session }), 401);
  expectStatus(await visit(bindings, `/private?key=${search}`, { headers: page }), 303);
  expectStatus(await visit(bindings, "/private", { method: "POST", body: wrongPassword }), 401);
  expectStatus(await visit(bindings, "/%E0%A4%A"), 400);
  const nonsense = book.noteAs("nonsense that was sent", "garbage-cookie-8812");
  expectStatus(await visit(bindings, "/private", { session: nonsense }), 401);
  for (const endpoint of endpoints) {
    const passed = expectStatus(await ask(asked(), endpoint, { session }), 200);
    book.note("assertion", passed.headers.get("X-Sallyport-Assertion") ?? undefined);
    const key = { "X-Sallyport-Proxy-Key": proxyKey, "X-Forwarded-For": "192.0.2.1" };
    const sentAway = endpoint === "/auth-request" ? 401 : 303;
    expectStatus(await ask(asked(), endpoint, { headers: { ...page, ...key } }), sentAway);
    const wrongKey = book.noteAs("proxy key", `${proxyKey}-wrong`);
    expectStatus(await ask(asked(), endpoint, { headers: { "X-Sallyport-Proxy-Key": wrongKey } }), 401);
    expectStatus(await ask(asked(), endpoint, { uri: "no-path" }), 403);
  }
  vi.mocked(fetch).mockRejectedValue(new Error("connect ECONNREFUSED"));
  expectStatus(await visit(bindings, "/private", { session }), 502);
}

/** With an external first factor, its credentials pass through the Worker as well. */
async function useOtherFirstFactors(book: SensitiveData): Promise<void> {
  const site = new Site();
  const idp = new IdentityProvider(await generateKey("k1"));
  vi.mocked(fetch).mockImplementation(idp.beside(site));
  const sid = book.noteAs("credential of another", "origin-session-cookie-6620");
  const authorization = book.noteAs("credential of another", "origin-basic-auth-2231");
  site.sessions.set(sid, "faythe");
  // The site accepts either credential alone, so the Worker checks each of them (INC-24).
  const { whoAmI } = site;
  site.whoAmI = (request) =>
    request.headers.get("Authorization") === `Basic ${authorization}`
      ? Response.json({ user: { name: "faythe" } })
      : whoAmI(request);
  const visitor = SiteBrowser.signedIn(sid);
  visitor.added.Authorization = `Basic ${authorization}`;
  const token = book.noteAs("credential of another", await idp.token({ sub: "grace" }));
  book.note("credential of another", token.split(".")[2]);
  const bearer = new SiteBrowser(idp.variables);
  bearer.added["Cf-Access-Jwt-Assertion"] = token;
  const proxied = new SiteBrowser({ FIRST_FACTOR: "proxy", PROXY_KEY: proxyKey });
  proxied.added["X-Sallyport-Proxy-Key"] = proxyKey;
  proxied.added["Remote-User"] = "heidi";
  for (const browser of [visitor, bearer, proxied]) {
    const secret = book.noteSecret(await browser.enrol());
    await browser.load("/inbox");
    browser.cookies.delete(sessionCookieName);
    const wrongText = await wrong(book, secret);
    await browser.load("/api/auth/second-factor");
    expectStatus(await browser.post("/api/auth/second-factor", { code: wrongText, rd: "/inside" }), 401);
    await browser.passSecondFactor(secret);
    expectStatus(await browser.load("/inbox"), 200);
  }
  const forged = book.noteAs("credential of another", `${token.slice(0, -4)}AAAA`);
  bearer.added["Cf-Access-Jwt-Assertion"] = forged;
  expectStatus(await bearer.script("/inbox"), 401);
  site.whoAmI = () => new Response("down", { status: 500 });
  visitor.cookies.delete(sessionCookieName);
  expectStatus(await visitor.script("/inbox"), 503);
}

async function sendNonsense(book: SensitiveData): Promise<void> {
  const text = book.noteAs("nonsense that was sent", "nonsense-3307");
  const field = book.noteAs("unknown field", "field-8846");
  const headers = { "Content-Type": "text/plain" };
  expectStatus(await client.post("/login", `{"username":"ada","password":"${password}"`), 400);
  expectStatus(await client.post("/login", { username: [text], password: { text } }), 422);
  expectStatus(await client.post("/login", { username: `${text}\u0000`, password }), 422);
  expectStatus(await client.post("/login", { username: "ada", password, [field]: text }), 400);
  expectStatus(await client.post("/login", text.repeat(2000)), 413);
  expectStatus(await client.post("/login", text, { headers }), 415);
  expectStatus(await client.post("/totp/verify", { session_token: text, code: "000000" }), 401);
  expectStatus(await client.call("/session", { token: text }), 401);
  expectStatus(await client.call(`/${text}`), 404);
  expectStatus(await client.call("/login", { method: "PUT", body: { text } }), 405);
  const foreign = { Origin: `https://${text}.example` };
  expectStatus(await client.post("/login", { username: "ada", password }, { headers: foreign }), 403);
  expectStatus(
    await client.call("/sign-in", { headers: { Cookie: `__Host-sallyport=${text}; ${text}` } }),
    200,
  );
}

async function breakStores(book: SensitiveData): Promise<void> {
  const account = await createReadyAccount("ivan");
  book.note("password", account.password);
  book.noteSecret(account.secret);
  await book.noteBackupCodes(account.backupCodes);
  const token = await fullToken(account);
  const pending = expectStatus(await client.login(account), 200).json.session_token;
  const text = await nextCode(book, account.secret);
  for (const DB of [failAlways(env.DB), failBatches(env.DB)]) {
    const broken = new Client(environment({ DB }));
    expectStatus(await broken.login(account), 503);
    expectStatus(await verify(pending, text, {}, broken), 503);
    for (const path of ["/step-up", "/backup-codes"])
      expectStatus(await broken.post(path, { code: text }, { token }), 503);
    expectStatus(await broken.call("/session", { token }), 503);
    expectStatus(await visit(gated([], { DB, SESSION_RECHECK: "0" }), "/private", { session: token }), 503);
  }
  const { kv } = tapKv(env.BLOCKS, { failing: ["get", "put"] });
  const limiter = { limit: () => Promise.reject(new Error("limiter is away")) };
  const limping = new Client(environment({ BLOCKS: kv, SIGN_IN_LIMITER: limiter }));
  expectStatus(await limping.login({ ...account, password: wrongPassword }), 401);
  expectStatus(await limping.call("/health"), 503);
  await query(
    "UPDATE users SET totp_secret = backup_codes, backup_codes = totp_secret WHERE id = ?",
    account.id,
  );
  for (const given of [text, account.backupCodes[0]]) expectStatus(await verify(pending, given), 503);
  const misconfigured = new Client(environment({ KEYRING: book.noteAs("keyring", "k1:not-a-key-9917") }));
  expectStatus(await misconfigured.call("/session", { token }), 500);
}

/** Runs the hourly job. */
export async function runScheduled(overrides: Overrides = {}): Promise<void> {
  const context = createExecutionContext();
  const scheduled = worker.scheduled as unknown as (
    event: ScheduledController,
    bindings: Bindings,
    context: ExecutionContext,
  ) => Promise<void>;
  const event = createScheduledController({ scheduledTime: new Date() });
  await scheduled(event, environment(overrides), context);
  await waitOnExecutionContext(context);
}
