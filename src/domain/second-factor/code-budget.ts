import type { CodeAttemptLimits } from "../../store/second-factor/code-attempt.ts";
import type { User } from "../../store/users/user-rows.ts";

/**
 * How many codes may be tried (docs/contract.md#second-factor). A client that guesses has at most 100 failures in a row, over
 * all sessions and networks. About three codes in a million are valid at any time, so it succeeds with a probability of
 * 0.03 %. `docs/attack-simulation.md` covers a patient client whose failures the owner's own sign-ins reset.
 */
export const codeAttemptLimits: CodeAttemptLimits = {
  attemptsPerPendingSession: 5,
  failuresPerCoolDown: 5,
  firstCoolDownSeconds: 60,
  longestCoolDownSeconds: 3600,
  failuresUntilDisabled: 100,
};

/** True when the account has had so many failures that an operator must reset or unlock it (TH-01). */
export const isSecondFactorDisabledByFailures = ({
  secondFactorFailures,
}: Pick<User, "secondFactorFailures">): boolean =>
  secondFactorFailures >= codeAttemptLimits.failuresUntilDisabled;
