import { type BackendUser, type Deployment, must, mustBe } from "../deployment.ts";
import type { Line } from "../line.ts";
import { latencies } from "./otp.ts";

/** Sends wrong codes, waiting out each cool-down, until this many were evaluated. */
async function failTimes(d: Deployment, user: BackendUser, times: number): Promise<number[]> {
  const waits: number[] = [];
  for (let failed = 0; failed < times; ) {
    const answer = await d.verifyFor(user, await d.wrongCode(user.secret, failed));
    if (answer.status === 401) failed += 1;
    else {
      mustBe(answer, 429, "a cool-down", "too_many_attempts");
      const seconds = Number(answer.headers.get("Retry-After"));
      waits.push(seconds);
      await d.reach.advance?.(seconds);
    }
  }
  return waits;
}

export const throttlingLines: readonly Line[] = [
  {
    id: "TH-01",
    requirement:
      "After 100 failures in a row the second factor is disabled until an administrator resets or unlocks it",
    needs: ["clock"],
    check: async (d) => {
      const user = await d.createBackendUser();
      await failTimes(d, user, 100);
      await d.reach.advance?.(24 * 3600);
      mustBe(await d.verifyFor(user, await d.freshCode(user)), 403, "a right code", "second_factor_disabled");
      mustBe(
        await d.verifyFor(user, user.backupCodes[0] ?? ""),
        403,
        "a backup code",
        "second_factor_disabled",
      );
      await d.admin(`/v1/users/${user.id}/unlock?realm=${user.realm}`, { method: "POST" });
      mustBe(await d.verifyFor(user, await d.freshCode(user)), 200, "a right code after an unlock");
    },
  },
  {
    id: "TH-02",
    requirement: "An account has one budget, over all sessions and paths",
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      for (let i = 0; i < 3; i++) {
        const token = await d.pendingToken(account);
        mustBe(
          await d.verify(token, await d.wrongCode(account.secret, i)),
          401,
          `wrong, in session ${i + 1}`,
        );
      }
      const path = `/v1/users/${account.id}/verify`;
      for (let i = 3; i < 5; i++)
        mustBe(
          await d.admin(path, { body: { code: await d.wrongCode(account.secret, i) } }),
          401,
          "wrong, by API",
        );
      const token = await d.pendingToken(account);
      mustBe(await d.verify(token, await d.freshCode(account)), 429, "a right code", "too_many_attempts");
    },
  },
  {
    id: "TH-03",
    requirement: "Cool-downs grow, and a right code within one is refused and stays valid",
    needs: ["clock"],
    check: async (d) => {
      const user = await d.createBackendUser();
      const waits = await failTimes(d, user, 21);
      must(
        waits.join(" ") === "60 120 240 480",
        `each cool-down is twice the last, and they were ${waits.join(" ")}`,
      );
      const other = await d.createBackendUser();
      await failTimes(d, other, 5);
      const code = await d.freshCode(other);
      mustBe(await d.verifyFor(other, code), 429, "a right code within the cool-down");
      await d.reach.advance?.(60);
      mustBe(await d.verifyFor(other, await d.freshCode(other)), 200, "the next right code after it");
    },
  },
  {
    id: "TH-04",
    requirement: "The budget holds under concurrency: of 200 parallel guesses five are evaluated",
    check: async (d) => {
      for (const slow of latencies(d)) {
        const user = await d.createBackendUser();
        const codes = await Promise.all(Array.from({ length: 200 }, (_, i) => d.wrongCode(user.secret, i)));
        const answers = await Promise.all(codes.map((code) => slow.verifyFor(user, code)));
        const evaluated = answers.filter(({ status }) => status === 401).length;
        must(evaluated === 5, `five are evaluated, and ${evaluated} were`);
        must(
          answers.every(({ status }) => status === 401 || status === 429),
          "all others are told to wait",
        );
      }
    },
  },
  {
    id: "TH-05",
    requirement: "An accepted code sets the counter to zero",
    check: async (d) => {
      const user = await d.createBackendUser();
      for (let round = 0; round < 2; round++) {
        for (let i = 0; i < 4; i++)
          mustBe(await d.verifyFor(user, await d.wrongCode(user.secret, i)), 401, `wrong code ${i + 1}`);
        mustBe(
          await d.verifyFor(user, user.backupCodes[round] ?? ""),
          200,
          "a right one after four wrong ones",
        );
      }
    },
  },
  {
    id: "TH-06",
    requirement: "No client changes an account's second-factor counter without its first factor",
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const bogus = ["pending_x", "pending_eyJhbGciOiJIUzI1NiJ9.e30.x", "x"];
      for (let i = 0; i < 12; i++)
        await d.verify(bogus[i % bogus.length] ?? "", await d.wrongCode(account.secret, i));
      for (let i = 0; i < 3; i++) await d.login({ ...account, password: "wrong password" });
      const { json } = await d.admin(`/v1/users/${account.id}`);
      must(json.data.blocked_until === null, "nothing is blocked");
      mustBe(
        await d.verify(await d.pendingToken(account), await d.freshCode(account)),
        200,
        "the owner signs in",
      );
    },
  },
  {
    id: "TH-07",
    requirement: "Setting up, enabling, disabling and new backup codes have limits, too",
    check: async (d) => {
      const account = await d.createAccount();
      const bearer = (await d.login(account)).json.session_token;
      const setups = [];
      for (let i = 0; i < 12; i++) setups.push(await d.ask("/totp/setup", { method: "POST", bearer }));
      const refused = setups.find(({ status }) => status === 429);
      must(refused !== undefined, "a burst of set-ups is refused at some time");
      must(Number(refused.headers.get("Retry-After")) > 0, "with Retry-After");
      const enrolled = await d.createEnrolledAccount();
      const session = await d.signIn(enrolled);
      const tries = [];
      for (let i = 0; i < 6; i++) {
        const code = await d.wrongCode(enrolled.secret, i);
        tries.push(
          await d.ask(i % 2 === 0 ? "/backup-codes" : "/step-up", { body: { code }, bearer: session }),
        );
      }
      mustBe(tries[5] ?? tries[0] ?? refused, 429, "the sixth wrong code in a session", "too_many_attempts");
    },
  },
  {
    id: "TH-08",
    requirement: "A 429 says when to try again, and a request at that time is evaluated",
    needs: ["clock"],
    check: async (d) => {
      const user = await d.createBackendUser();
      await failTimes(d, user, 5);
      const refused = await d.verifyFor(user, await d.freshCode(user));
      const seconds = Number(refused.headers.get("Retry-After"));
      must(Number.isInteger(seconds) && seconds > 0, "Retry-After is a whole number of seconds");
      must(refused.headers.has("RateLimit"), "there is a RateLimit header");
      await d.reach.advance?.(seconds - 1);
      mustBe(await d.verifyFor(user, await d.freshCode(user)), 429, "a second before");
      await d.reach.advance?.(1);
      mustBe(await d.verifyFor(user, user.backupCodes[0] ?? ""), 200, "when it says");
    },
  },
  {
    id: "TH-09",
    requirement: "When the store of the counters fails, every sign-in is refused",
    needs: ["stores"],
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const token = await d.pendingToken(account);
      const failing = d.reach.withFailingStore?.() ?? d;
      const code = await d.freshCode(account);
      const refused = await failing.verify(token, code);
      mustBe(refused, 503, "a right code", "store_unavailable");
      must(Number(refused.headers.get("Retry-After")) > 0, "with Retry-After");
      mustBe(await failing.ask("/login", { body: credentials(account) }), 503, "a right password");
      mustBe(await d.verify(token, code), 200, "the same code when the store is back");
    },
  },
  {
    id: "TH-10",
    requirement: "Unknown, disabled and enrolled accounts look the same to a client without the password",
    check: async (d) => {
      const enrolled = await d.createEnrolledAccount();
      const disabled = await d.createAccount();
      mustBe(await d.admin(`/v1/users/${disabled.id}/disable`, { method: "POST" }), 200, "one is disabled");
      const answers = [
        await d.login({ username: `nobody-${crypto.randomUUID()}`, password: "wrong password" }),
        await d.login({ ...enrolled, password: "wrong password" }),
        await d.login(disabled),
      ];
      const shown = answers.map(({ status, json, headers }) => {
        const names = [...headers.keys()].filter((name) => !name.startsWith("cf-") && name !== "date").sort();
        return JSON.stringify([status, { ...json, request_id: "" }, names]);
      });
      must(new Set(shown).size === 1, `status, body and headers are the same: ${shown.join(" / ")}`);
    },
  },
];

const credentials = ({ username, password }: { username: string; password: string }) => ({
  username,
  password,
});
