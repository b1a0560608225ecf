import { env } from "cloudflare:workers";
import { type Backend, createRealm, enrolBackendUser, operator, repeatable, userPath } from "./backend.ts";
import {
  askForCode,
  askForSetup,
  createChallenge,
  shopUrls,
  statusOf,
  step,
  submitCode,
  visitChallenge,
} from "./challenges.ts";
import { advance } from "./clock.ts";
import { exportAll, fileOf, importFile, rfcSecret } from "./import-export.ts";
import { secretOn } from "./site.ts";
import { type Answer, base, Client, code, wrongCode } from "./worker.ts";

/**
 * Uses the whole service API: every call of `/v1`, with and without an Idempotency-Key where one is allowed, hosted challenges, import and
 * export, and the service binding. Needs a stopped clock.
 */
export async function useAllServices(): Promise<void> {
  const shop = await createRealm("shop", { return_urls: shopUrls });
  await keepUsers(shop);
  await keepSecondFactors(shop);
  await checkCodes(shop);
  await keepKeys(shop);
  await useChallenges(shop);
  await readLists(shop);
  await moveUsers();
  await useBinding();
}

function expectStatus(answer: Answer, ...statuses: number[]): Answer {
  if (!statuses.includes(answer.status))
    throw new Error(`${answer.status} instead of ${statuses}: ${answer.text}`);
  return answer;
}

let keys = 0;

/** The same call without an Idempotency-Key, with one, and with the same one again. */
async function everyWay(act: (options: ReturnType<typeof repeatable>) => Promise<Answer>): Promise<void> {
  keys += 1;
  const withKey = repeatable(`key-${keys}`);
  for (const options of [withKey, withKey, {}]) expectStatus(await act(options), 200, 201, 409, 401);
}

async function keepUsers(shop: Backend): Promise<void> {
  await everyWay((options) => shop.post("/v1/users", { username: "new" }, options));
  await everyWay((options) => shop.post("/v1/users", { id: "6", username: "six" }, options));
  const password = "correct horse battery";
  const [email, username] = ["7@example.com", "seven"];
  for (const fields of [{}, {}, { email }, { username }, { username, email }, { password }])
    expectStatus(await shop.put(userPath("7"), fields), 200, 201);
  expectStatus(await shop.get(userPath("7")), 200);
  // The second one can mean one user only.
  for (const nobody of ["nobody", "shop:nobody"]) expectStatus(await shop.get(userPath(nobody)), 404);
  for (const verb of ["/disable", "/enable"])
    await everyWay((options) => shop.post(userPath("7") + verb, {}, options));
  expectStatus(await shop.get(`${userPath("7")}/sessions`), 200);
  expectStatus(await shop.delete(`${userPath("7")}/sessions/none`), 404);
  expectStatus(await shop.delete(`${userPath("7")}/sessions`), 200);
  expectStatus(await shop.delete(userPath("7")), 200);
}

async function keepSecondFactors(shop: Backend): Promise<void> {
  const { backupCodes, secret } = await enrolBackendUser(shop, "8");
  const path = userPath("8");
  const [first, second, third] = backupCodes;
  await everyWay((options) => shop.post(`${path}/totp`, { code: first }, options));
  const setup = expectStatus(await shop.post(`${path}/totp`, { code: second }), 200);
  await everyWay(async (options) =>
    shop.post(`${path}/totp/confirm`, { code: await wrongCode(setup.json.data.secret) }, options),
  );
  expectStatus(await shop.post(`${path}/backup-codes`, { code: third }), 200);
  await everyWay(async (options) => shop.post(`${path}/backup-codes`, { code: await code(secret) }, options));
  for (const verb of ["/unlock", "/reset"]) await everyWay((options) => shop.post(path + verb, {}, options));
  await everyWay((options) => shop.post(`${path}/totp`, {}, options));
  expectStatus(await shop.delete(`${path}/totp`), 409);
  expectStatus(await shop.post(`${userPath("shop:8")}/totp`), 404);
  await enrolBackendUser(shop, "9");
  expectStatus(await shop.delete(`${userPath("9")}/totp`), 200);
}

async function checkCodes(shop: Backend): Promise<void> {
  const { backupCodes, secret } = await enrolBackendUser(shop, "10");
  const right = await code(secret);
  for (const text of [right, right, await wrongCode(secret), backupCodes[0], backupCodes[0], "0000-0000"])
    await everyWay((options) => shop.verify("10", text, { action: "pay" }, options));
  expectStatus(await operator().post(`${userPath("10")}/unlock?realm=shop`), 200);
  // Isolates that have not seen the key.
  const anew = () => shop.at(new Client());
  expectStatus(await anew().get("/v1/users?limit=1"), 200);
  await everyWay((options) => anew().verify("10", backupCodes[1], {}, options));
}

async function keepKeys(shop: Backend): Promise<void> {
  const body = { name: "spare", scopes: ["verify"] };
  await everyWay((options) => shop.post("/v1/api-keys", body, options));
  const { json } = expectStatus(await shop.get("/v1/api-keys?limit=1"), 200);
  expectStatus(await shop.get(`/v1/api-keys?limit=1&cursor=${json.data.next_cursor}`), 200);
  const made = expectStatus(await shop.post("/v1/api-keys", { ...body, name: "short" }), 201);
  expectStatus(await shop.delete(`/v1/api-keys/${made.json.data.id}`), 200);
}

async function useChallenges(shop: Backend): Promise<void> {
  const { user, challenge, browser } = await askForCode(shop);
  await submitCode(browser, await wrongCode(user.secret));
  await submitCode(browser, await code(user.secret));
  expectCompleted((await statusOf(shop, challenge)).status);
  await createChallenge(shop, user.id, {}, repeatable("challenge"));
  await createChallenge(shop, user.id, {}, repeatable("challenge"));
  const other = await createChallenge(shop, user.id);
  await submitCode(await visitChallenge(other), user.backupCodes[0] ?? "");
  expectStatus(await shop.delete(userPath(user.id)), 200);

  const setup = await askForSetup(shop);
  const secret = secretOn(await step(setup.browser, "start"));
  await step(setup.browser, "confirm", { code: await code(secret) });
  expectCompleted((await statusOf(shop, setup.challenge)).status);
  await setup.browser.open(`${base}/challenge/done?challenge=${setup.challenge.id}`);
}

function expectCompleted(status: string): void {
  if (status !== "completed") throw new Error(`The challenge is ${status}`);
}

async function readLists(shop: Backend): Promise<void> {
  const { json } = expectStatus(await shop.get("/v1/users?limit=1"), 200);
  for (const search of [`cursor=${json.data.next_cursor}`, "username=42"])
    expectStatus(await shop.get(`/v1/users?${search}`), 200);
  for (const filter of ["", "&user=42", "&type=user.created", "&user=42&type=user.created"]) {
    for (const order of ["asc", "desc"]) {
      const page = `/v1/events?limit=1&order=${order}${filter}`;
      const { json: events } = expectStatus(await shop.get(page), 200);
      expectStatus(await shop.get(`${page}&cursor=${events.data.next_cursor}`), 200);
    }
  }
}

async function moveUsers(): Promise<void> {
  const lines = fileOf({ id: "1", username: "one", secret: rfcSecret }, { username: "two" }, { id: "3" });
  for (let i = 0; i < 2; i++) expectStatus(await importFile(lines, { realm: "moved" }), 200);
  await exportAll({ realm: "moved" });
}

/** Uses the service binding of another Worker. */
async function useBinding(): Promise<void> {
  const user = "rpc";
  const enrolment = await env.SECOND_FACTOR.enrol({ user });
  if (!enrolment.ok) throw new Error(enrolment.code);
  await env.SECOND_FACTOR.confirm({ user, code: await code(enrolment.secret) });
  advance(30);
  for (const text of [await code(enrolment.secret), await wrongCode(enrolment.secret)])
    await env.SECOND_FACTOR.verify({ user, code: text });
  const status = await env.SECOND_FACTOR.status({ user });
  if (!status.ok || !status.enrolled) throw new Error("The binding has not enrolled its user");
}
