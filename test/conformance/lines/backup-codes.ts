import { type BackendUser, type Deployment, must, mustBe } from "../deployment.ts";
import type { Line } from "../line.ts";
import { latencies } from "./otp.ts";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

async function regenerate(d: Deployment, user: BackendUser): Promise<string[]> {
  const body = { code: await d.freshCode(user) };
  const answer = await d.ask(`/v1/users/${user.id}/backup-codes`, { body, bearer: user.key });
  mustBe(answer, 200, "a right code makes new backup codes");
  return answer.json.data.backup_codes;
}

const at = (codes: readonly string[], index: number): string => {
  const code = codes[index];
  must(code !== undefined, `there is a backup code ${index + 1}`);
  return code;
};

export const backupCodeLines: readonly Line[] = [
  {
    id: "BC-01",
    requirement: "Each backup code works once, also when fifty requests send it at once",
    check: async (d) => {
      for (const slow of latencies(d)) {
        const user = await d.createBackendUser();
        mustBe(await d.verifyFor(user, at(user.backupCodes, 0)), 200, "the first use");
        mustBe(await d.verifyFor(user, at(user.backupCodes, 0)), 401, "the second use", "invalid_code");
        const one = at(user.backupCodes, 1);
        const answers = await Promise.all(Array.from({ length: 50 }, () => slow.verifyFor(user, one)));
        const accepted = answers.filter(({ status }) => status === 200).length;
        must(accepted === 1, `one of 50 parallel uses succeeds, and ${accepted} did`);
        const others = user.backupCodes.slice(2, 6);
        const all = await Promise.all(others.map((code) => slow.verifyFor(user, code)));
        must(
          all.every(({ status }) => status === 200),
          "different codes at once all succeed",
        );
      }
    },
  },
  {
    id: "BC-02",
    requirement: "Backup codes have at least 20 random bits: these have 40",
    check: async (d) => {
      const { backupCodes } = await d.createBackendUser();
      must(backupCodes.length === 10, "there are ten");
      const form = new RegExp(`^[${alphabet}]{4}-[${alphabet}]{4}$`);
      must(
        backupCodes.every((code) => form.test(code)),
        "eight characters of 32, XXXX-XXXX",
      );
    },
  },
  {
    id: "BC-03",
    requirement: "Backup codes have 64 random bits where a code alone recovers an account",
    state: "does not apply",
    because: "no backup code recovers an account: it replaces the second factor only (BC-11)",
  },
  {
    id: "BC-04",
    requirement: "Backup codes are stored hashed, inside an encrypted envelope, and never shown again",
    needs: ["dump"],
    check: async (d) => {
      const user = await d.createBackendUser();
      const stored = JSON.stringify(await d.reach.dump?.());
      for (const code of user.backupCodes)
        for (const spelling of [code, code.replace("-", ""), code.toLowerCase()])
          must(!stored.includes(spelling), "no backup code is in the store");
      const hashes = await Promise.all(user.backupCodes.map((code) => sha256(code.replace("-", ""))));
      must(
        hashes.every((hash) => !stored.includes(hash)),
        "nor is the bare hash of one",
      );
    },
  },
  {
    id: "BC-05",
    requirement: "Backup codes are random, without bias, and no two are the same",
    check: async (d) => {
      const user = await d.createBackendUser();
      const codes = [...user.backupCodes];
      while (codes.length < 60) codes.push(...(await regenerate(d, user)));
      must(new Set(codes).size === codes.length, "no two are alike");
      const counts = new Map<string, number>();
      for (const letter of codes.join("").replaceAll("-", ""))
        counts.set(letter, (counts.get(letter) ?? 0) + 1);
      must(counts.size === 32, "every letter of the alphabet is used");
      const expected = (codes.length * 8) / 32;
      const chi = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      // 31 degrees of freedom: above 80 once in a million.
      must(chi < 80, `letters are used evenly, and chi-squared was ${chi.toFixed(1)}`);
    },
  },
  {
    id: "BC-06",
    requirement: "Wrong backup codes and wrong TOTP codes share one budget",
    check: async (d) => {
      const user = await d.createBackendUser();
      for (let i = 0; i < 5; i++) {
        const wrong = i % 2 === 0 ? await d.wrongCode(user.secret, i) : `ZZZZ-ZZZ${i}`;
        mustBe(await d.verifyFor(user, wrong), 401, `wrong code ${i + 1}, of either kind`);
      }
      mustBe(await d.verifyFor(user, at(user.backupCodes, 0)), 429, "the sixth try", "too_many_attempts");
    },
  },
  {
    id: "BC-07",
    requirement: "New backup codes void all old ones at once, and that is recorded",
    check: async (d) => {
      const user = await d.createBackendUser();
      const fresh = await regenerate(d, user);
      mustBe(await d.verifyFor(user, at(user.backupCodes, 0)), 401, "an old one", "invalid_code");
      mustBe(await d.verifyFor(user, at(fresh, 0)), 200, "a new one");
      const { json } = await d.ask("/v1/events?type=backup_codes.regenerated", { bearer: user.key });
      must(json.data.events.length === 1, "there is one event of it");
    },
  },
  {
    id: "BC-08",
    requirement: "After each use the visitor is told how many backup codes are left",
    check: async (d) => {
      const user = await d.createBackendUser();
      for (const left of [9, 8]) {
        const { json } = await d.verifyFor(user, at(user.backupCodes, left));
        must(json.data.backup_codes_remaining === left, `${left} are left`);
      }
    },
  },
  {
    id: "BC-09",
    requirement: "Backup codes are shown once, in a session that has shown the second factor",
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const bearer = await d.signIn(account);
      const pages = await Promise.all(
        ["/totp", "/session", "/sessions"].map((path) => d.ask(path, { bearer })),
      );
      pages.push(await d.admin(`/v1/users/${account.id}`));
      for (const { text } of pages)
        must(!account.backupCodes.some((code) => text.includes(code)), "no later answer shows one");
      mustBe(
        await d.ask("/backup-codes", { method: "POST", body: {}, bearer }),
        422,
        "new ones without a code",
      );
    },
  },
  {
    id: "BC-10",
    requirement: "Case, hyphens and spaces in backup codes do not matter; O, I and L are read as digits",
    check: async (d) => {
      const user = await d.createBackendUser();
      const loose = at(user.backupCodes, 0).toLowerCase().replace("-", " ");
      mustBe(await d.verifyFor(user, loose), 200, "lower case with a space");
      must(!/[OILU]/.test(user.backupCodes.join("")), "letters that look like digits are not used");
      const mistyped = user.backupCodes.slice(1).find((code) => /[01]/.test(code));
      if (mistyped === undefined) return;
      const read = mistyped.replaceAll("0", "o").replaceAll("1", "l");
      mustBe(await d.verifyFor(user, read), 200, "o for 0, l for 1");
    },
  },
  {
    id: "BC-11",
    requirement: "A backup code alone never resets both factors",
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const bearer = await d.signIn(account);
      const code = at(account.backupCodes, 0);
      const disabled = await d.ask("/totp/disable", { body: { code }, bearer });
      must(disabled.status === 401 || disabled.status === 422, "disabling asks for the password, too");
      const { json } = await d.ask("/totp", { bearer });
      must(json.data.enabled === true, "two-factor authentication is still on");
    },
  },
  {
    id: "BC-12",
    requirement: "A backup code confirms no enrolment",
    check: async (d) => {
      const user = await d.createBackendUser();
      const begun = { code: await d.freshCode(user) };
      await d.ask(`/v1/users/${user.id}/totp`, { body: begun, bearer: user.key });
      const body = { code: at(user.backupCodes, 0) };
      const answer = await d.ask(`/v1/users/${user.id}/totp/confirm`, { body, bearer: user.key });
      mustBe(answer, 422, "confirming with a backup code", "invalid_format");
    },
  },
];

async function sha256(text: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return btoa(String.fromCharCode(...hash))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
