import { type Account, type Deployment, must, mustBe } from "../deployment.ts";
import type { Line } from "../line.ts";

const fullCookie = "__Host-sallyport";
const pendingCookie = "__Host-sallyport-pending";

/** What a browser would send back of a cookie that was set. */
const sentBack = (name: string, cookies: ReadonlyMap<string, string>): string =>
  cookies.get(name)?.split(";")[0] ?? "";

/** Every call that needs a full session, by method and path. */
const guarded = [
  ["GET", "/session"],
  ["GET", "/sessions"],
  ["DELETE", "/sessions"],
  ["GET", "/totp"],
  ["POST", "/totp/setup"],
  ["POST", "/totp/enable"],
  ["POST", "/totp/disable"],
  ["POST", "/step-up"],
  ["POST", "/backup-codes"],
] as const;

async function signInWithPassword(d: Deployment, account: Account): Promise<string> {
  const answer = await d.login(account);
  must(answer.json?.status === "success", "the password alone signs in");
  return answer.json.session_token;
}

const flipped = (token: string, index: number): string => {
  const replacement = token[index] === "A" ? "B" : "A";
  return token.slice(0, index) + replacement + token.slice(index + 1);
};

export const sessionLines: readonly Line[] = [
  {
    id: "SE-01",
    requirement: "A pending session opens nothing but the second-factor step and sign-out",
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const login = await d.login(account);
      const bearer = login.json.session_token;
      const cookie = sentBack(pendingCookie, login.cookies);
      for (const [method, path] of guarded) {
        const body = method === "POST" ? {} : undefined;
        mustBe(await d.ask(path, { method, body, bearer }), 401, `${method} ${path} with the pending token`);
        const headers = { Cookie: cookie, "Sec-Fetch-Site": "same-origin" };
        mustBe(await d.ask(path, { method, body, headers }), 401, `${method} ${path} with its cookie`);
      }
      const original = { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/private" };
      const asked = await d.ask("/auth-request", { headers: { ...original, Cookie: cookie } });
      must(asked.status === 401 || asked.status === 403, "a proxy is told no");
    },
  },
  {
    id: "SE-02",
    requirement: "A pending session ends within 10 minutes and allows one sign-in",
    needs: ["clock"],
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const used = await d.pendingToken(account);
      mustBe(await d.verify(used, await d.freshCode(account)), 200, "it signs in");
      mustBe(await d.verify(used, account.backupCodes[0] ?? ""), 401, "again", "session_expired");
      const late = await d.pendingToken(account);
      await d.reach.advance?.(600);
      mustBe(await d.verify(late, account.backupCodes[1] ?? ""), 401, "after 10 minutes", "session_expired");
    },
  },
  {
    id: "SE-03",
    requirement: "Each change of level gives a new token, and the old one is refused",
    check: async (d) => {
      const account = await d.createAccount();
      const before = await d.login(account);
      const headers = { Cookie: sentBack(fullCookie, before.cookies), "Sec-Fetch-Site": "same-origin" };
      const setup = await d.ask("/totp/setup", { method: "POST", headers });
      const enrolled = { ...account, secret: setup.json.data.secret, spentStep: 0 };
      const enabled = await d.ask("/totp/enable", { body: { code: await d.freshCode(enrolled) }, headers });
      const after = sentBack(fullCookie, enabled.cookies);
      must(after !== "" && after !== headers.Cookie, "enabling gives another cookie");
      mustBe(await d.ask("/session", { headers }), 401, "the old cookie");
      mustBe(await d.ask("/session", { headers: { Cookie: after } }), 200, "the new one");
    },
  },
  {
    id: "SE-04",
    requirement: "Tokens have at least 128 random bits",
    check: async (d) => {
      const account = await d.createAccount();
      const tokens = await Promise.all([1, 2, 3].map(() => signInWithPassword(d, account)));
      const secrets = tokens.map(
        (token) => JSON.parse(atob(token.split(".")[1]?.replaceAll("-", "+").replaceAll("_", "/") ?? "")).sid,
      );
      must(new Set(secrets).size === 3, "each has a secret of its own");
      must(
        secrets.every((secret) => /^[A-Za-z0-9_-]{43}$/.test(secret)),
        "of 256 bits",
      );
    },
  },
  {
    id: "SE-05",
    requirement: "Cookies: __Host-, Secure, HttpOnly, Path=/, SameSite, no Domain",
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const pending = await d.login(account);
      const full = await d.verify(pending.json.session_token, await d.freshCode(account));
      const cookies = [...pending.cookies, ...full.cookies];
      must(cookies.length >= 2, "both kinds are set");
      for (const [name, cookie] of cookies) {
        must(name.startsWith("__Host-"), `${name} begins with __Host-`);
        for (const flag of ["Secure", "HttpOnly", "Path=/", "SameSite=Lax"])
          must(cookie.includes(`; ${flag}`), `${name} has ${flag}`);
        must(!/domain=/i.test(cookie), `${name} has no Domain`);
      }
    },
  },
  {
    id: "SE-06",
    requirement: "Signing out ends a session at once below BASE_PATH",
    check: async (d) => {
      const account = await d.createAccount();
      const bearer = await signInWithPassword(d, account);
      mustBe(await d.ask("/session", { bearer }), 200, "the session");
      mustBe(await d.ask("/logout", { method: "POST", bearer }), 200, "signing out");
      mustBe(await d.ask("/session", { bearer }), 401, "the same token after it");
    },
  },
  {
    id: "SE-07",
    requirement: "A session ends within 24 hours, and after an hour without use",
    needs: ["clock"],
    check: async (d) => {
      const account = await d.createAccount();
      const idle = await signInWithPassword(d, account);
      await d.reach.advance?.(3601);
      mustBe(await d.ask("/session", { bearer: idle }), 401, "after an hour of nothing");
      const used = await signInWithPassword(d, account);
      let hours = 0;
      while (hours < 25 && (await d.ask("/session", { bearer: used })).status === 200) {
        await d.reach.advance?.(1800);
        hours += 0.5;
      }
      must(hours <= 24, `one in use ends, and it was alive for ${hours} hours`);
    },
  },
  {
    id: "SE-08",
    requirement: "A session names the factors that were shown, and no others",
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const plain = await d.createAccount();
      const one = await d.ask("/session", { bearer: await signInWithPassword(d, plain) });
      must(one.json.data.aal === 1 && one.json.data.amr.join() === "pwd", "a password is level 1");
      const two = await d.ask("/session", { bearer: await d.signIn(account) });
      must(two.json.data.aal === 2 && two.json.data.amr.includes("otp"), "password and code are level 2");
      must(Math.abs(Date.parse(two.json.data.auth_time) - d.reach.now()) < 60_000, "auth_time is the code's");
    },
  },
  {
    id: "SE-09",
    requirement: "A remembered browser does not replace the second factor",
    state: "not built yet",
    because:
      "remembered devices are a later feature; a known device only keeps its owner from being locked out (TH-06)",
  },
  {
    id: "SE-10",
    requirement: "Visitors and administrators can list and end sessions",
    check: async (d) => {
      const account = await d.createAccount();
      const [own, other, third] = await Promise.all([1, 2, 3].map(() => signInWithPassword(d, account)));
      const bearer = own ?? "";
      const { json } = await d.ask("/sessions", { bearer });
      must(json.data.sessions.length === 3, "three are listed");
      const target = json.data.sessions.find(({ current }: { current: boolean }) => !current);
      mustBe(await d.ask(`/sessions/${target.id}`, { method: "DELETE", bearer }), 200, "ending one");
      mustBe(await d.ask("/sessions", { method: "DELETE", bearer }), 200, "ending all others");
      for (const token of [other, third])
        mustBe(await d.ask("/session", { bearer: token ?? "" }), 401, "another one");
      mustBe(
        await d.admin(`/v1/users/${account.id}/sessions`, { method: "DELETE" }),
        200,
        "an administrator ends all",
      );
      mustBe(await d.ask("/session", { bearer }), 401, "the last one");
    },
  },
  {
    id: "SE-11",
    requirement: "Disabling or deleting a user ends all sessions",
    check: async (d) => {
      for (const [method, path] of [
        ["POST", "/disable"],
        ["DELETE", ""],
      ] as const) {
        const account = await d.createAccount();
        const bearer = await signInWithPassword(d, account);
        mustBe(await d.admin(`/v1/users/${account.id}${path}`, { method }), 200, `${method} ${path}`);
        mustBe(await d.ask("/session", { bearer }), 401, "its session");
      }
    },
  },
  {
    id: "SE-12",
    requirement: "A path can require a fresh second factor",
    needs: ["clock", "variables"],
    check: async (d) => {
      const policy = JSON.stringify([{ path: "/bank/*", require: "second_factor", max_age: 300 }]);
      const strict = d.reach.configured?.({ POLICY: policy }) ?? d;
      const account = await strict.createEnrolledAccount();
      const bearer = await strict.signIn(account);
      const asked = { bearer, headers: { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/bank/pay" } };
      mustBe(await strict.ask("/auth-request", asked), 200, "with a fresh code");
      await d.reach.advance?.(301);
      const late = await strict.ask("/auth-request", asked);
      mustBe(late, 401, "five minutes later");
      must(late.headers.get("Location")?.includes("/second-factor") === true, "the way there is shown");
    },
  },
  {
    id: "SE-13",
    requirement: "No cache stores a response with a token, a secret or a code",
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const pending = await d.login(account);
      const full = await d.verify(pending.json.session_token, await d.freshCode(account));
      const bearer = full.json.session_token;
      const answers = [pending, full];
      for (const path of ["/session", "/totp", "/account", "/sign-in", "/second-factor", "/nothing"])
        answers.push(await d.ask(path, { bearer }));
      answers.push(await d.ask("/totp/setup", { method: "POST", bearer }));
      for (const { headers } of answers)
        must(headers.get("Cache-Control")?.includes("no-store") === true, "each says no-store");
    },
  },
  {
    id: "SE-14",
    requirement: "A phishing-resistant option where AAL2 is claimed",
    state: "does not apply",
    because: "TOTP is not phishing-resistant, and conformance with AAL2 is claimed nowhere",
  },
  {
    id: "SE-15",
    requirement:
      "Signed tokens: one algorithm for each, `none` refused, type and end checked, keys in headers ignored",
    check: async (d) => {
      const account = await d.createAccount();
      const token = await signInWithPassword(d, account);
      const [header = "", payload = "", signature = ""] = token.split(".");
      const encode = (value: object) =>
        btoa(JSON.stringify(value)).replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_");
      const decode = (part: string) => JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/")));
      const claims = decode(payload);
      const forged = [
        `${encode({ ...decode(header), alg: "none" })}.${payload}.`,
        `${encode({ ...decode(header), alg: "HS512" })}.${payload}.${signature}`,
        `${encode({ ...decode(header), typ: "JWT" })}.${payload}.${signature}`,
        `${encode({ ...decode(header), jwk: { kty: "oct", k: "AAAA" } })}.${payload}.${signature}`,
        `${encode({ ...decode(header), kid: "../../other" })}.${payload}.${signature}`,
        `${header}.${encode({ ...claims, exp: claims.exp + 3600 })}.${signature}`,
        `${header}.${encode({ ...claims, realm: "other" })}.${signature}`,
        `${header}.${payload}.${signature}.`,
        `${header}.${payload}`,
        flipped(token, header.length + 5),
        flipped(token, token.length - 10),
        `pending_${token}`,
      ];
      mustBe(await d.ask("/session", { bearer: token }), 200, "the token itself");
      for (const [index, bearer] of forged.entries())
        mustBe(await d.ask("/session", { bearer }), 401, `forgery ${index + 1}`);
    },
  },
];
