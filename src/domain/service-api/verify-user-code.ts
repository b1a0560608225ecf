import type { CodeInput } from "../../core/parsing/code-input.ts";
import { signReceipt } from "../../core/tokens/receipt.ts";
import type { Deps } from "../deps.ts";
import type { Failure } from "../failure.ts";
import { amrWith } from "../second-factor/amr.ts";
import type { AcceptedCode, Evidence } from "../second-factor/submitted-code.ts";
import { verifyCode } from "../second-factor/verify-code.ts";
import { requireExportKeyForTargetUser } from "./admin-users.ts";
import type { UserServiceCall } from "./service-caller.ts";
import { targetPlaceOf } from "./target-user.ts";

/** What a code is to approve, in the words of the backend that asks for it. */
export interface VerifyUserCodeInput {
  readonly code: CodeInput;
  readonly action: string | null;
  readonly nonce: string | null;
  /** Where the Worker answers: who relies on the receipt finds its keys there. */
  readonly issuer: string;
}

/** A code that was accepted, and the proof of it for others. */
export type VerifiedUserCode = AcceptedCode<{ readonly receipt: string }>;

/**
 * Checks a code for a backend: one budget, one rule of one-time use and one record with every other path. One read,
 * or none if the user has just been read, and one batch.
 */
export async function verifyUserCode(
  deps: Deps,
  call: UserServiceCall<VerifiedUserCode>,
  { code, action, nonce, issuer }: VerifyUserCodeInput,
): Promise<VerifiedUserCode | Failure> {
  const { realm, userId, client, now, known } = call;
  // A code is spent, and a wrong one counts against the account. ADMIN_KEY does not reach a binding.
  const guarded =
    call.exportKey === "binding"
      ? null
      : await requireExportKeyForTargetUser(deps, call, "second_factor.accepted");
  if (guarded !== null) return guarded;
  return verifyCode(deps, {
    subject: { kind: "service", ...targetPlaceOf(call), known },
    code,
    against: "second_factor",
    client,
    now,
    keep: call.keep,
    planAcceptance: async (_view, evidence) => ({
      effects: [],
      outcome: { receipt: await receiptFor(evidence) },
    }),
  });

  function receiptFor(evidence: Evidence) {
    const id = crypto.randomUUID();
    const amr = amrWith([], evidence);
    return signReceipt(deps.config.keyring, { id, issuer, realm, userId, action, nonce, amr, now });
  }
}
