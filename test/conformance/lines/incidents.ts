import { type Deployment, must, mustBe } from "../deployment.ts";
import type { Line } from "../line.ts";

const echo = "only the site behind the gate can say what it received";
const elsewhere = "another line checks the same over HTTP";

const original = (uri: string, method = "GET") => ({ "X-Forwarded-Method": method, "X-Forwarded-Uri": uri });

/** Asks both forward-auth endpoints, and says whether either lets the request pass. */
async function passes(d: Deployment, headers: Record<string, string>): Promise<boolean> {
  const answers = await Promise.all(
    ["/auth-request", "/forward-auth"].map((path) => d.ask(path, { headers })),
  );
  for (const { status } of answers) must(status < 500, "neither fails with 5xx");
  return answers.some(({ status }) => status < 300);
}

export const incidentLines: readonly Line[] = [
  {
    id: "INC-01",
    requirement: "Input that does not parse never lets a request pass",
    check: async (d) => {
      for (const uri of [
        "",
        "/%",
        "/%zz",
        "/%c0%af",
        "http://[",
        "\\",
        "/a b",
        `/${"a".repeat(9000)}`,
        "*",
        "/%00",
      ])
        must(!(await passes(d, original(uri))), `${JSON.stringify(uri.slice(0, 20))} does not pass`);
    },
  },
  {
    id: "INC-02",
    requirement: "A malformed cookie counts as no cookie",
    check: async (d) => {
      for (const value of [
        "",
        "x",
        "a.b.c",
        "%00",
        '"',
        "null",
        "0".repeat(5000),
        "eyJhbGciOiJub25lIn0.e30.",
      ])
        must(
          !(await passes(d, { ...original("/"), Cookie: `__Host-sallyport=${value}` })),
          `${value.slice(0, 12)}`,
        );
    },
  },
  {
    id: "INC-03",
    requirement: "A malformed X-Forwarded-For skips no check",
    check: async (d) => {
      for (const value of ["", "garbage", "127.0.0.1, ::1", "999.999.999.999", ",".repeat(500)])
        must(
          !(await passes(d, { ...original("/"), "X-Forwarded-For": value })),
          JSON.stringify(value.slice(0, 20)),
        );
    },
  },
  {
    id: "INC-04",
    requirement: "The gate ignores forwarded addresses",
    heldBy: "test/gate/evasion.test.ts: INC-04",
    because: echo,
  },
  {
    id: "INC-05",
    requirement: "No spelling of a path gets past its rule",
    needs: ["variables"],
    check: async (d) => {
      const policy = JSON.stringify([{ path: "/public/*", require: "none" }]);
      const open = d.reach.configured?.({ POLICY: policy }) ?? d;
      must(await passes(open, original("/public/x")), "what is open is open");
      const disguises = [
        "/public/../admin",
        "/public/..%2fadmin",
        "/public/%2e%2e/admin",
        "/public%2f..%2fadmin",
        "/public/..;/admin",
        "/public/%252e%252e/admin",
        "/public\\..\\admin",
        "/public/./../admin",
        "/admin#/public/",
        "/admin?/public/",
      ];
      for (const uri of disguises) must(!(await passes(open, original(uri))), uri);
    },
  },
  {
    id: "INC-06",
    requirement: "No statement of a client about itself gives it access",
    check: async (d) => {
      const claims = [
        { "User-Agent": "GoogleHC/1.0" },
        { "User-Agent": "kube-probe/1.30" },
        { "X-Forwarded-For": "127.0.0.1" },
        { "X-Real-IP": "10.0.0.1" },
        { Host: "localhost" },
        { "X-Original-Host": "localhost" },
        { "CF-Worker": "x" },
      ] as Record<string, string>[];
      for (const claim of claims)
        must(!(await passes(d, { ...original("/"), ...claim })), JSON.stringify(claim));
    },
  },
  {
    id: "INC-07",
    requirement: "Failures are counted under one form of each name",
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const loud = { ...account, username: ` ${account.username.toUpperCase()} ` };
      must((await d.login(loud)).json?.status === "totp_required", "another spelling is the same account");
      const token = await d.pendingToken(loud);
      for (let i = 0; i < 5; i++) await d.verify(token, await d.wrongCode(account.secret, i));
      const again = await d.verify(await d.pendingToken(account), await d.freshCode(account));
      mustBe(again, 429, "what one spelling has used up", "too_many_attempts");
    },
  },
  {
    id: "INC-08",
    requirement: "Identity headers are removed in every spelling",
    heldBy: "test/gate/headers.test.ts, test/e2e/proxies.test.ts: INC-08",
    because: echo,
  },
  {
    id: "INC-09",
    requirement: "No open redirect after signing in",
    heldBy: "test/http/pages/return-path.test.ts: INC-09 (and WB-04 here)",
    because: elsewhere,
  },
  {
    id: "INC-10",
    requirement: "A new session at each change of level",
    heldBy: "SE-03 here; test/gate/origin-sessions.test.ts: INC-10",
    because: elsewhere,
  },
  {
    id: "INC-11",
    requirement: "A pending session is refused on every other route",
    heldBy: "SE-01 here; test/flows/pending-session.test.ts: INC-11",
    because: elsewhere,
  },
  {
    id: "INC-12",
    requirement: "New sessions give no new attempts",
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const tokens = [];
      for (let i = 0; i < 6; i++) tokens.push(await d.pendingToken(account));
      const statuses = [];
      for (const [i, token] of tokens.entries())
        statuses.push((await d.verify(token, await d.wrongCode(account.secret, i))).status);
      must(
        statuses.join(" ") === "401 401 401 401 401 429",
        `five in six sessions, and it were ${statuses.join(" ")}`,
      );
    },
  },
  {
    id: "INC-13",
    requirement: "A right password does not reset the counter of codes",
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const token = await d.pendingToken(account);
      for (let i = 0; i < 4; i++) await d.verify(token, await d.wrongCode(account.secret, i));
      const next = await d.pendingToken(account);
      mustBe(await d.verify(next, await d.wrongCode(account.secret, 4)), 401, "the fifth wrong one");
      mustBe(await d.verify(next, await d.freshCode(account)), 429, "then a right one", "too_many_attempts");
    },
  },
  {
    id: "INC-14",
    requirement: "Guesses from many networks count together",
    heldBy: "test/flows/first-factor-throttle.test.ts: INC-14",
    because: "Cloudflare tells a deployment the client's network; only a test can use ten networks",
  },
  {
    id: "INC-15",
    requirement: "All sign-in paths share one limiter",
    heldBy: "TH-02 here; test/gate/proxy-mode.test.ts, test/flows/first-factor-throttle.test.ts: INC-15",
    because: elsewhere,
  },
  {
    id: "INC-16",
    requirement: "Failures for unknown names lock no account out",
    heldBy: "test/flows/first-factor-throttle.test.ts: INC-16",
    because: "it needs failures from thirty networks, which only a test can make",
  },
  {
    id: "INC-17",
    requirement: "A failure is counted before its response is sent",
    check: async (d) => {
      const user = await d.createBackendUser();
      for (let i = 0; i < 5; i++)
        mustBe(await d.verifyFor(user, await d.wrongCode(user.secret, i)), 401, "a wrong code");
      const { json } = await d.ask(`/v1/users/${user.id}`, { bearer: user.key });
      must(json.data.blocked_until !== null, "the fifth refusal has its cool-down at once");
    },
  },
  {
    id: "INC-18",
    requirement: "There is no gap between checking a code and using it",
    heldBy: "OTP-11 and BC-01 here",
    because: elsewhere,
  },
  {
    id: "INC-19",
    requirement: "The account of an enrolment comes from the server's state",
    check: async (d) => {
      const account = await d.createAccount();
      const bearer = (await d.login(account)).json.session_token;
      for (const field of ["email", "username", "user_id", "account"]) {
        const answer = await d.ask("/totp/setup", { body: { [field]: "victim@example.com" }, bearer });
        mustBe(answer, 400, `a ${field} in the body`, "malformed_request");
      }
      const setup = await d.ask("/totp/setup", { method: "POST", bearer });
      must(
        decodeURIComponent(setup.json.data.provisioning_uri).includes(account.username),
        "it is the caller's",
      );
    },
  },
  {
    id: "INC-20",
    requirement: "Every failure refuses the request",
    heldBy: "TH-09 here; test/gate/outage.test.ts: INC-20",
    because: elsewhere,
  },
  {
    id: "INC-21",
    requirement: "A right code that another request has just used counts as no failure of the account",
    check: async (d) => {
      const user = await d.createBackendUser();
      for (const code of [await d.freshCode(user), user.backupCodes[0] ?? ""])
        await Promise.all(Array.from({ length: 20 }, () => d.verifyFor(user, code)));
      const { json } = await d.ask(`/v1/users/${user.id}`, { bearer: user.key });
      must(json.data.blocked_until === null, "nothing is blocked");
      mustBe(await d.verifyFor(user, user.backupCodes[1] ?? ""), 200, "the next right code");
    },
  },
  {
    id: "INC-22",
    requirement: "A remembered device ends when the second factor or the password changes",
    state: "not built yet",
    because: "remembered devices are a later feature",
  },
];
