import type { ServiceClient } from "sallyport/client";

/** Begins to set up two-factor authentication for one of your users. Creates the user in Sallyport if necessary. */
export async function beginSetUp(client: ServiceClient, userId: string, email: string) {
  const user = await client.v1.users[":id"].$put({ param: { id: userId }, json: { email } });
  if (!user.ok) throw new Error((await user.json()).detail);
  const started = await client.v1.users[":id"].totp.$post({ param: { id: userId }, json: {} });
  if (!started.ok) throw new Error((await started.json()).detail);
  // Show the QR code, and the secret for users who cannot scan it.
  const { qr_code: qrCode, secret } = (await started.json()).data;
  return { qrCode, secret };
}

/** Completes the set-up with the first code. Returns the backup codes, to be shown once, or the reason of a refusal. */
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

/** Verifies a code with which a user approves an action. A call whose response was lost is sent again with the same key. */
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
  const response = await verify(call).catch(() => verify(call));
  if (response.ok) return { approved: true, receipt: (await response.json()).data.receipt };
  const { detail } = await response.json();
  const retryAfter = response.headers.get("Retry-After");
  return { approved: false, why: detail, retryAfterSeconds: retryAfter === null ? null : Number(retryAfter) };
}
