/** The columns of an account without a second factor. `totp_last_step` is not among them: it never goes back (OTP-09). */
export const noSecondFactorColumnsExceptLastStep = {
  totpEnabled: false,
  totpSecret: null,
  totpSetupAt: null,
  backupCodes: null,
  totpPendingSecret: null,
  totpPendingExpiresAt: null,
} as const;

/** The columns of an account without failed codes. Only an accepted code and an operator write them (INC-13). */
export const noSecondFactorFailuresColumns = {
  secondFactorFailures: 0,
  secondFactorBlockedUntil: null,
} as const;
