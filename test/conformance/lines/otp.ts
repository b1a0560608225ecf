import { type Deployment, must, mustBe } from "../deployment.ts";
import type { Line } from "../line.ts";
import { decodeBase32 } from "../totp.ts";

const vectors = "that test computes codes with digits and hashes that the API does not offer";

export const otpLines: readonly Line[] = [
  {
    id: "OTP-01",
    requirement: "TOTP with SHA-1 computes the values of RFC 6238 appendix B",
    heldBy: "test/core/crypto/totp.test.ts: RFC 6238 appendix B",
    because: vectors,
  },
  {
    id: "OTP-02",
    requirement: "TOTP with SHA-256 and SHA-512, each with a seed of its own length",
    state: "does not apply",
    because:
      "SHA-1 is the only hash, because every authenticator app supports it. An import of another hash is refused.",
  },
  {
    id: "OTP-03",
    requirement: "Codes have six digits, with their leading zeros",
    check: async (d) => {
      const user = await d.createBackendUser();
      mustBe(await d.verifyFor(user, await d.freshCode(user)), 200, "a code as text is accepted");
      const number = await d.ask(`/v1/users/${user.id}/verify`, { body: { code: 123456 }, bearer: user.key });
      mustBe(number, 422, "a number, which has no leading zeros, is refused");
    },
  },
  {
    id: "OTP-04",
    requirement: "Time steps can be greater than 32 bits",
    heldBy: "test/core/crypto/totp.test.ts: RFC 6238 appendix B",
    because: vectors,
  },
  {
    id: "OTP-05",
    requirement: "New secrets have 160 bits; short ones are not imported",
    check: async (d) => {
      const user = await d.createBackendUser();
      must(decodeBase32(user.secret).length >= 20, "a secret has at least 20 bytes");
      const report = await importLine(d, { id: "weak", secret: "GEZDGNBVGY3TQOJQ" });
      must(report.created === 0 && report.errors[0]?.code === "weak_secret", "80 bits are refused");
    },
  },
  {
    id: "OTP-06",
    requirement: "Secrets are random, and no two are the same",
    check: async (d) => {
      const { key } = await d.createKey();
      const secrets = new Set<string>();
      let ones = 0;
      for (let i = 0; i < 60; i++) {
        const id = crypto.randomUUID();
        await d.ask(`/v1/users/${id}`, { method: "PUT", body: {}, bearer: key });
        const { json } = await d.ask(`/v1/users/${id}/totp`, { method: "POST", bearer: key });
        secrets.add(json.data.secret);
        for (const byte of decodeBase32(json.data.secret))
          ones += byte.toString(2).replaceAll("0", "").length;
      }
      must(secrets.size === 60, "60 set-ups give 60 secrets");
      const prefixes = new Set([...secrets].map((secret) => secret.slice(0, 4)));
      must(prefixes.size > 50, "secrets have no common beginning");
      // 9,600 bits: five standard deviations are 245.
      must(Math.abs(ones - 4800) < 245, `half of the bits are ones, and ${ones} of 9600 were`);
    },
  },
  {
    id: "OTP-07",
    requirement: "A step is 30 seconds, and a secret with another step is not imported",
    check: async (d) => {
      const { key } = await d.createKey();
      await d.ask("/v1/users/steps", { method: "PUT", body: {}, bearer: key });
      const { json } = await d.ask("/v1/users/steps/totp", { method: "POST", bearer: key });
      const query = new URL(json.data.provisioning_uri).searchParams;
      must(query.get("period") === "30", "the key URI says period=30");
      const otpauth = "otpauth://totp/A:b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&period=180";
      const report = await importLine(d, { id: "slow", otpauth });
      must(report.errors[0]?.code === "unsupported_parameters", "a step of 180 seconds is refused");
    },
  },
  {
    id: "OTP-08",
    requirement: "One step on either side of the current one is accepted, and no others",
    check: async (d) => {
      const key = await d.createKey();
      for (const [k, status] of [
        [-2, 401],
        [2, 401],
        [1, 200],
      ] as const) {
        const user = await d.createBackendUser(key);
        await d.waitUntilStep(user.spentStep + 1);
        await d.beEarlyInStep();
        mustBe(await d.verifyFor(user, await d.code(user.secret, k)), status, `code(${k})`);
      }
    },
  },
  {
    id: "OTP-09",
    requirement: "An accepted code is never accepted again, on any path",
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const token = await d.pendingToken(account);
      const code = await d.freshCode(account);
      mustBe(await d.verify(token, code), 200, "the first use");
      mustBe(await d.verify(await d.pendingToken(account), code), 401, "in a new sign-in", "invalid_code");
      const elsewhere = await d.admin(`/v1/users/${account.id}/verify`, { body: { code } });
      mustBe(elsewhere, 401, "over the service API", "invalid_code");
    },
  },
  {
    id: "OTP-10",
    requirement: "After an accepted step no earlier one is accepted",
    check: async (d) => {
      const user = await d.createBackendUser();
      await d.waitUntilStep(user.spentStep + 2);
      const earlier = await d.code(user.secret, -1);
      mustBe(await d.verifyFor(user, await d.code(user.secret, 0)), 200, "code(0)");
      mustBe(await d.verifyFor(user, earlier), 401, "code(-1) after code(0)", "invalid_code");
    },
  },
  {
    id: "OTP-11",
    requirement: "Of any number of parallel requests with one code one succeeds, also when the store is slow",
    check: async (d) => {
      for (const slow of latencies(d)) {
        const user = await d.createBackendUser();
        const code = await d.freshCode(user);
        const answers = await Promise.all(Array.from({ length: 50 }, () => slow.verifyFor(user, code)));
        const accepted = answers.filter(({ status }) => status === 200).length;
        must(accepted === 1, `one of 50 parallel uses succeeds, and ${accepted} did`);
      }
    },
  },
  {
    id: "OTP-12",
    requirement: "The code that confirmed an enrolment is never accepted again",
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const confirmed = await d.code(account.secret, account.spentStep - d.step());
      mustBe(await d.verify(await d.pendingToken(account), confirmed), 401, "it signs in", "invalid_code");
    },
  },
  {
    id: "OTP-13",
    requirement: "The time comes from the server alone",
    check: async (d) => {
      const user = await d.createBackendUser();
      await d.waitUntilStep(user.spentStep + 1);
      const far = await d.code(user.secret, 20);
      const then = new Date(d.reach.now() + 600_000).toUTCString();
      const headers = { Date: then, "X-Time": then, "X-Timestamp": then };
      mustBe(await d.verifyFor(user, far, headers), 401, "a code of ten minutes later with a Date of then");
      const body = { code: far, time: d.reach.now() + 600_000 };
      const named = await d.ask(`/v1/users/${user.id}/verify`, { body, bearer: user.key });
      mustBe(named, 400, "a time in the body", "malformed_request");
    },
  },
  {
    id: "OTP-14",
    requirement:
      "Clock drift is not learned: codes one step off are accepted each time, and codes two steps off never",
    needs: ["clock"],
    check: async (d) => {
      const user = await d.createBackendUser();
      for (let i = 0; i < 5; i++) {
        await d.waitUntilStep(d.step() + 2);
        mustBe(await d.verifyFor(user, await d.code(user.secret, -1)), 200, `code(-1), time ${i + 1}`);
      }
      await d.waitUntilStep(d.step() + 3);
      mustBe(
        await d.verifyFor(user, await d.code(user.secret, -2)),
        401,
        "code(-2) after five times code(-1)",
      );
    },
  },
  {
    id: "OTP-15",
    requirement: "A TOTP code is exactly six ASCII digits; input that is not a code costs no attempt",
    check: async (d) => {
      const user = await d.createBackendUser();
      const strange = [
        "",
        "12345",
        "1234567",
        "١٢٣٤٥٦",
        "１２３４５６",
        "12345a",
        "0x1234",
        "-12345",
        "1e5",
        "9".repeat(10_000),
      ];
      for (const code of [...strange, null, true, 123456, ["123456"], { $gt: "" }]) {
        const answer = await d.ask(`/v1/users/${user.id}/verify`, { body: { code }, bearer: user.key });
        must(answer.status === 422 || answer.status === 400, `${JSON.stringify(code).slice(0, 30)} gets 422`);
      }
      const spaced = (await d.freshCode(user)).replace(/^(...)/, " $1 - ");
      mustBe(await d.verifyFor(user, spaced), 200, "spaces and hyphens are dropped, and no attempt was lost");
    },
  },
  {
    id: "OTP-16",
    requirement: "A comparison takes the same time wherever the difference is",
    heldBy: "test/core/crypto/totp.test.ts: constant-time",
    because:
      "nanoseconds cannot be measured over a network; the code always compares all steps with timingSafeEqual",
  },
  {
    id: "OTP-17",
    requirement: "The record tells a replay from a wrong code, and the response does not",
    check: async (d) => {
      const user = await d.createBackendUser();
      const code = await d.freshCode(user);
      await d.verifyFor(user, code);
      const replayed = await d.verifyFor(user, code);
      const wrong = await d.verifyFor(user, await d.wrongCode(user.secret));
      must(replayed.status === wrong.status, "both have the same status");
      const shown = ({ json }: typeof wrong) => JSON.stringify({ ...json, request_id: "" });
      must(shown(replayed) === shown(wrong), "both have the same body");
      const { json } = await d.ask("/v1/events?limit=200", { bearer: user.key });
      const types = json.data.events.map(({ type }: { type: string }) => type);
      must(types.includes("second_factor.replayed"), "the record says replayed");
      must(types.includes("second_factor.refused"), "the record says refused");
    },
  },
];

/** The deployment, and where it can be slowed down, with 20 and 200 ms for each call of its store. */
export const latencies = (d: Deployment): readonly Deployment[] => [
  d,
  ...[20, 200].flatMap((milliseconds) => d.reach.slowedDown?.(milliseconds) ?? []),
];

/** Imports one user into a new realm, and returns the report. */
export async function importLine(
  d: Deployment,
  line: object,
): Promise<{ created: number; errors: readonly { code: string }[] }> {
  const realm = `c-${crypto.randomUUID().slice(0, 18)}`;
  const headers = { "Content-Type": "application/x-ndjson" };
  const answer = await d.admin(`/v1/import?realm=${realm}`, { body: `${JSON.stringify(line)}\n`, headers });
  mustBe(answer, 200, "an import answers with a report");
  return answer.json.data;
}
