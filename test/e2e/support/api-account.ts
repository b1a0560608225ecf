import { randomBytes } from "node:crypto";
import { computeCode } from "./authenticator.ts";
import type { Client } from "./client.ts";
import type { Worker } from "./worker.ts";

export type ApiAccount = { username: string; email: string; password: string };

/** Creates an account for one test only, as an operator does. */
export async function createApiAccount(
  worker: Pick<Worker, "baseUrl" | "adminKey">,
  name: string,
): Promise<ApiAccount> {
  const username = `${name}-${randomBytes(4).toString("hex")}`;
  const account = {
    username,
    email: `${username}@example.com`,
    password: randomBytes(9).toString("base64url"),
  };
  const response = await fetch(`${worker.baseUrl}/api/auth/v1/users`, {
    method: "POST",
    headers: { Authorization: `Bearer ${worker.adminKey}`, "Content-Type": "application/json" },
    body: JSON.stringify(account),
  });
  if (response.status !== 201) throw new Error(`POST /v1/users: ${response.status} ${await response.text()}`);
  return account;
}

/** Signs in, and sets up the second factor. Resolves with the backup codes; the client has passed both doors. */
export async function enrol(client: Client, { username, password }: ApiAccount): Promise<string[]> {
  await client.call("/login", { username, password });
  const { data: set } = (await client.call("/totp/setup")) as { data: { secret: string } };
  const code = computeCode(set.secret);
  const { data: enabled } = (await client.call("/totp/enable", { code })) as {
    data: { backup_codes: string[] };
  };
  return enabled.backup_codes;
}
