import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it, vi } from "vitest";
import worker from "../../../src/index.ts";
import { useFreshWorker } from "../../support/fresh-worker.ts";
import { randomKey } from "../../support/keyring.ts";
import { query } from "../../support/rows.ts";
import { Client, code, createEnrolledAccount, environment, pendingToken } from "../../support/worker.ts";

const newKey = `k2:${randomKey()}`;
const rotated = () => environment({ KEYRING: `${newKey},${env.KEYRING}` });
const onlyNew = () => environment({ KEYRING: newKey });

useFreshWorker();

/** Runs the hourly job, and gives what it says of its re-sealing. */
async function runHourly(bindings = rotated()) {
  const lines: string[] = [];
  const spy = vi.spyOn(console, "info").mockImplementation((line: string) => void lines.push(line));
  const context = createExecutionContext();
  const event = { scheduledTime: Date.now(), cron: "", noRetry() {} } as unknown as ScheduledController;
  await worker.scheduled(event, bindings, context);
  await waitOnExecutionContext(context);
  spy.mockRestore();
  return lines.map((line) => JSON.parse(line)).find(({ event }) => event === "reseal.done");
}

async function listEnvelopes(): Promise<string[]> {
  const { results } = await env.DB.prepare(
    "SELECT totp_secret, totp_pending_secret, backup_codes FROM users",
  ).all();
  return results.flatMap((row) => Object.values(row)).filter((value) => typeof value === "string");
}

it("CR-04 seals with the new key what the old one has sealed, so that the old one can go", async () => {
  const account = await createEnrolledAccount();
  await createEnrolledAccount("grace");
  const client = new Client(rotated());
  const pending = await pendingToken(account, client);
  const signedIn = await client.post("/totp/verify", {
    session_token: pending,
    code: await code(account.secret),
  });
  expect(signedIn.status).toBe(200);

  expect(await runHourly()).toMatchObject({
    resealed: 4,
    unreadable: 0,
    complete: true,
    older_keys_can_go: false,
  });
  expect((await listEnvelopes()).every((envelope) => envelope.startsWith("v1.k2."))).toBe(true);
  expect(await runHourly()).toMatchObject({ resealed: 0, older_keys: "k1", older_keys_can_go: true });

  const later = new Client(onlyNew());
  const body = { session_token: await pendingToken(account, later), code: account.backupCodes[0] };
  expect((await later.post("/totp/verify", body)).json.data.method).toBe("backup_code");
});

it("CR-04 leaves what no key opens as it is, and does not call the old keys superfluous", async () => {
  const account = await createEnrolledAccount();
  const damaged = "v1.k1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  await query("UPDATE users SET backup_codes = ? WHERE id = ?", damaged, account.id);
  expect(await runHourly()).toMatchObject({ resealed: 1, unreadable: 1, older_keys_can_go: false });
  expect(await runHourly()).toMatchObject({ resealed: 0, unreadable: 1, older_keys_can_go: false });
  expect(await listEnvelopes()).toContain(damaged);
});

it("CR-04 calls the old keys superfluous though something needs a key that is lost: they do not open it either", async () => {
  const account = await createEnrolledAccount();
  const lost = "v1.k0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  await query("UPDATE users SET backup_codes = ? WHERE id = ?", lost, account.id);
  expect(await runHourly()).toMatchObject({ resealed: 1, unreadable: 0, older_keys_can_go: false });
  expect(await runHourly()).toMatchObject({ resealed: 0, unreadable: 0, older_keys_can_go: true });
  expect(await listEnvelopes()).toContain(lost);
});

it("CR-04 seals anew what several older keys have sealed, and takes no key's id for the beginning of another's", async () => {
  await createEnrolledAccount();
  const newer = environment({ KEYRING: `k11:${randomKey()},${newKey},${env.KEYRING}` });
  expect(await runHourly(rotated())).toMatchObject({ resealed: 2 });
  await createEnrolledAccount("grace");
  expect(await runHourly(newer)).toMatchObject({ resealed: 4, unreadable: 0, complete: true });
  expect((await listEnvelopes()).every((envelope) => envelope.startsWith("v1.k11."))).toBe(true);
  expect(await runHourly(newer)).toMatchObject({ older_keys: "k2,k1", older_keys_can_go: true });
});

it("CR-04 leaves what is no envelope alone", async () => {
  const account = await createEnrolledAccount();
  const others = ["", ".", "v1.", "v1.k1", "v1k1.", "v1..k1.x", "plain text"];
  for (const text of others) {
    await query("UPDATE users SET backup_codes = ? WHERE id = ?", text, account.id);
    expect(await runHourly()).toMatchObject({ unreadable: 0, complete: true });
    expect(await listEnvelopes()).toContain(text);
  }
});

it("reads nothing while there is one key only", async () => {
  await createEnrolledAccount();
  expect(await runHourly(environment())).toBeUndefined();
});
