import { must, mustBe } from "../deployment.ts";
import type { Line } from "../line.ts";

const inside = "HTTP does not show what is stored, and under which key";

export const cryptoLines: readonly Line[] = [
  {
    id: "CR-01",
    requirement: "Secrets are encrypted at rest, under a key that is not in the database",
    needs: ["dump"],
    check: async (d) => {
      const account = await d.createEnrolledAccount();
      const token = await d.signIn(account);
      const stored = JSON.stringify(await d.reach.dump?.());
      for (const secret of [account.secret, account.password, token, ...account.backupCodes])
        must(!stored.includes(secret), "no secret, password, token or backup code is in the store");
    },
  },
  {
    id: "CR-02",
    requirement: "A ciphertext opens only in the row and column that it was written for",
    heldBy: "test/flows/at-rest.test.ts: CR-02",
    because: inside,
  },
  {
    id: "CR-03",
    requirement: "No initialisation vector is used twice under a key",
    heldBy: "test/core/crypto/envelope.test.ts, test/flows/at-rest.test.ts: CR-03",
    because: inside,
  },
  {
    id: "CR-04",
    requirement:
      "Keys can be rotated; old keys still open what they sealed, and a job seals it with the new key",
    heldBy: "test/flows/at-rest.test.ts, test/domain/maintenance/reseal.test.ts: CR-04",
    because: inside,
  },
  {
    id: "CR-05",
    requirement: "The runtime's cryptography passes the published vectors",
    heldBy: "test/core/crypto/wycheproof.test.ts, test/core/tokens/wycheproof-jws.test.ts (docs/vectors.md)",
    because: "vectors are for functions, not for a deployment",
  },
  {
    id: "CR-06",
    requirement: "Passwords are hashed with scrypt, 2^14/8/5",
    needs: ["dump"],
    check: async (d) => {
      const account = await d.createAccount();
      const dump = await d.reach.dump?.();
      const row = dump?.users?.find(({ id }) => id === account.id);
      must(String(row?.password_hash).startsWith("$scrypt$ln=14,r=8,p=5$"), "the stored hash says so");
    },
  },
  {
    id: "CR-07",
    requirement:
      "Passwords have 8 to 1024 characters, without other rules; common ones are refused, and none is shortened",
    check: async (d) => {
      const create = (password: string) =>
        d.admin("/v1/users", { body: { username: crypto.randomUUID(), password } });
      for (const weak of ["seven77", "password", "12345678", "x".repeat(1025)])
        mustBe(await create(weak), 422, `${weak.slice(0, 12)}`, "weak_password");
      for (const good of ["mnemonic", " spaces are fine ", "ünïcödé!", "y1".repeat(500)])
        must((await create(good)).status === 201, `${good.slice(0, 20)} is accepted`);
      const username = crypto.randomUUID();
      const password = `${"x7".repeat(40)}a`;
      mustBe(await d.admin("/v1/users", { body: { username, password } }), 201, "a long password");
      const cut = await d.login({ username, password: `${"x7".repeat(40)}b` });
      mustBe(cut, 401, "one that differs after 72 bytes", "invalid_credentials");
    },
  },
  {
    id: "CR-08",
    requirement: "Public keys are published, private ones never",
    check: async (d) => {
      const { json, headers } = await d.ask("/.well-known/jwks.json");
      must(json.keys.length >= 1, "there is a key");
      must(/max-age=\d+/.test(headers.get("Cache-Control") ?? ""), "caches may keep it for a time");
      for (const key of json.keys) {
        must(
          key.kty === "OKP" && key.crv === "Ed25519" && typeof key.kid === "string",
          "of Ed25519, with an id",
        );
        must(!("d" in key), "without its private half");
      }
    },
  },
  {
    id: "CR-09",
    requirement:
      "API keys: one for each client, hashed, with scopes and an end; two can be valid during a change",
    check: async (d) => {
      const first = await d.createKey(["users:read"]);
      const second = await d.createKey(["users:read"], first.realm);
      const body = { name: "conformance", scopes: ["users:read"] };
      mustBe(await d.admin(`/v1/api-keys?realm=${first.realm}`, { body }), 409, "a third of the same name");
      const list = await d.admin(`/v1/api-keys?realm=${first.realm}`);
      must(
        !list.text.includes(first.key) && list.text.includes(`sp_${first.id}`),
        "lists show the prefix only",
      );
      mustBe(await d.ask("/v1/users", { bearer: first.key }), 200, "within its scopes");
      mustBe(await d.ask("/v1/users/x", { method: "PUT", body: {}, bearer: first.key }), 403, "beyond them");
      const path = `/v1/api-keys/${first.id}?realm=${first.realm}`;
      mustBe(await d.admin(path, { method: "DELETE" }), 200, "revoking");
      mustBe(await d.ask("/v1/users", { bearer: first.key }), 401, "a revoked key", "invalid_api_key");
      mustBe(await d.ask("/v1/users", { bearer: second.key }), 200, "its successor");
    },
  },
  {
    id: "CR-10",
    requirement: "There are no default secrets: placeholders stop the Worker from serving",
    needs: ["variables"],
    check: async (d) => {
      for (const variables of [
        { KEYRING: `k1:${btoa("0123456789abcdef0123456789abcdef")}` },
        { KEYRING: "change-me" },
        { ADMIN_KEY: "change-me-change-me-change-me-change-me" },
      ] as Record<string, string>[]) {
        const answer = await d.reach.configured?.(variables).ask("/health");
        must(answer?.status === 500, `${Object.keys(variables)} of a placeholder`);
      }
    },
  },
];
