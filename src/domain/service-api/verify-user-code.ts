import type { ParsedCode } from "../../core/parsing/code-input.ts";
import { signReceipt } from "../../core/tokens/receipt.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { addSecondFactorToAmr } from "../second-factor/amr.ts";
import type { AcceptedCode, RightCodeDetails } from "../second-factor/submitted-code.ts";
import { verifyCode } from "../second-factor/verify-code.ts";
import { requireExportKeyIfTargetIsAdminUser } from "./admin-users.ts";
import type { UserServiceCall } from "./service-caller.ts";
import { targetUserRefOf } from "./target-user.ts";

/** A code, and the action that it approves. `action` and `nonce` are the caller's text, and are copied into the receipt. */
export interface VerifyUserCodeInput {
  readonly code: ParsedCode;
  readonly action: string | null;
  readonly nonce: string | null;
  /** The Worker's public base address: `iss` of the receipt. Its verifiers find the public keys below it. */
  readonly issuer: string;
}

/** An accepted code, and the signed receipt that other services can verify. */
export type VerifiedUserCode = AcceptedCode<{ readonly receipt: string }>;

/**
 * Verifies a code of the target user, with the same attempt budget, one-time rule and audit events as on every other path.
 * One read, or none when the call brings the row, and one batch.
 */
export async function verifyUserCode(
  deps: Deps,
  call: UserServiceCall<VerifiedUserCode>,
  { code, action, nonce, issuer }: VerifyUserCodeInput,
): Promise<VerifiedUserCode | Failure> {
  const { realm, userId, client, now, known } = call;
  // A right code is spent, and a wrong one counts as a failure: both change the account. A service binding is exempt,
  // because ADMIN_KEY gives no access to it.
  const refusal =
    call.exportKey === "binding"
      ? null
      : await requireExportKeyIfTargetIsAdminUser(deps, call, "second_factor.accepted");
  if (refusal !== null) return refusal;
  return verifyCode(deps, {
    subject: { kind: "service", ...targetUserRefOf(call), known },
    code,
    against: "second_factor",
    client,
    now,
    idempotency: call.idempotency,
    planAcceptance: async (_view, evidence) => ({
      effects: [],
      outcome: { receipt: await receiptFor(evidence) },
    }),
  });

  function receiptFor(evidence: RightCodeDetails) {
    const id = crypto.randomUUID();
    const amr = addSecondFactorToAmr([], evidence);
    return signReceipt(deps.config.keyring, { id, issuer, realm, userId, action, nonce, amr, now });
  }
}
