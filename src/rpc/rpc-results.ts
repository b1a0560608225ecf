/** The state of a user's second factor. Times are in milliseconds since the epoch. */
export interface RpcStatus {
  readonly ok: true;
  readonly enrolled: boolean;
  readonly setupAt: number | null;
  readonly backupCodesRemaining: number;
  readonly blockedUntil: number | null;
  readonly secondFactorDisabled: boolean;
  readonly disabledAt: number | null;
}

/** A new secret, for the user's authenticator app. It cannot be read again. */
export interface RpcEnrolment {
  readonly ok: true;
  readonly secret: string;
  readonly provisioningUri: string;
  /** `data:image/svg+xml;base64,…` */
  readonly qrCode: string;
  readonly expiresInSeconds: number;
}

/** The second factor is on. The backup codes cannot be read again. */
export interface RpcConfirmation {
  readonly ok: true;
  readonly backupCodes: readonly string[];
}

/** The code was accepted, and is used up. */
export interface RpcVerification {
  readonly ok: true;
  readonly method: "totp" | "backup_code";
  readonly backupCodesRemaining: number;
  /** A JWT (EdDSA) that other services can verify; see `docs/rpc.md`. */
  readonly receipt: string;
}

/** The session of a token of this realm, and its user. Times are in milliseconds since the epoch. */
export interface RpcSession {
  readonly ok: true;
  readonly user: { readonly id: string; readonly username: string; readonly email: string | null };
  readonly aal: 1 | 2;
  readonly amr: readonly string[];
  readonly authTime: number;
  readonly expiresAt: number;
  /** Replaces the token that was sent. Null: that token is still fresh. */
  readonly renewedToken: string | null;
}
