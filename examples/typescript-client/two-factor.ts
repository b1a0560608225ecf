import type { ServiceClient } from "sallyport/client";

/** Begins to set up two-factor authentication for a user of yours, who is created if need be. */
export async function beginSetUp(client: ServiceClient, userId: string, email: string) {
  const user = await client.v1.users[":id"].$put({ param: { id: userId }, json: { email } });
  if (!user.ok) throw new Error((await user.json()).detail);
  const started = await client.v1.users[":id"].totp.$post({ param: { id: userId }, json: {} });
  if (!started.ok) throw new Error((await started.json()).detail);
  // Show the QR code. The secret is for who can't scan it.
  const { qr_code: qrCode, secret } = (await started.json()).data;
  return { qrCode, secret };
}

/** Ends the set-up with the first code. The backup codes are shown once. */
export async function endSetUp(
  client: ServiceClient,
  userId: string,
  code: string,
): Promise<string[] | string> {
  const confirmed = await client.v1.users[":id"].totp.confirm.$post({
    param: { id: userId },
    json: { code },
  });
  return confirmed.ok ? (await confirmed.json()).data.backup_codes : (await confirmed.json()).detail;
}

export type Approval =
  | { readonly approved: true; readonly receipt: string }
  | { readonly approved: false; readonly why: string; readonly retryAfterSeconds: number | null };

/** Asks whether a user approves an action with a code. A call whose answer was lost is sent again, with the same key. */
export async function approve(
  client: ServiceClient,
  { userId, code, action }: { userId: string; code: string; action: string },
): Promise<Approval> {
  const verify = client.v1.users[":id"].verify.$post;
  const call = {
    param: { id: userId },
    json: { code, action },
    header: { "Idempotency-Key": crypto.randomUUID() },
  };
  const answer = await verify(call).catch(() => verify(call));
  if (answer.ok) return { approved: true, receipt: (await answer.json()).data.receipt };
  const { detail } = await answer.json();
  const retryAfter = answer.headers.get("Retry-After");
  return { approved: false, why: detail, retryAfterSeconds: retryAfter === null ? null : Number(retryAfter) };
}
