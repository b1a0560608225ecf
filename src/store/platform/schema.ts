import { type SQL, sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

/** A point in time: milliseconds since the epoch in SQLite, a `Date` in TypeScript. */
const datetime = (name: string) => integer(name, { mode: "timestamp_ms" });

/**
 * Returns the SQL expression for the part of an envelope (`core/crypto/envelope.ts`) that names its key: its start, up to the dot
 * after the key id. The indexes on it and the queries for old keys must have the same expression, or SQLite does not use the index.
 *
 * @param column the column's name in the database
 */
export const envelopeKeyPrefixExpression = (column: string): SQL =>
  sql.raw(`substr(${column}, 1, 3 + instr(substr(${column}, 4), '.'))`);

/** Accounts with their second factor. */
export const users = sqliteTable(
  "users",
  {
    id: text("id").primaryKey(),
    /** Name space: `local` for accounts with a password, one for each external source, and those of API keys. */
    realm: text("realm").notNull(),
    /** Canonical (`core/parsing/username.ts`), or the exact name from an external source: then `canonicalName` is set. */
    username: text("username").notNull(),
    /**
     * The canonical form of an exact name. Null: `username` is canonical itself. In the realm of an external source such
     * an account is older than exact names or was created through the API, and no exact name has claimed it yet (INC-27).
     */
    canonicalName: text("canonical_name"),
    email: text("email"),
    /** PHC string, scrypt. Null: the account has no password in Sallyport. */
    passwordHash: text("password_hash"),
    totpEnabled: integer("totp_enabled", { mode: "boolean" }).notNull().default(false),
    /** Envelope (`core/crypto/envelope.ts`) of the base32 secret. */
    totpSecret: text("totp_secret"),
    totpSetupAt: datetime("totp_setup_at"),
    /** Envelope of a JSON array of SHA-256 hashes (`core/crypto/backup-code-hashes.ts`). */
    backupCodes: text("backup_codes"),
    /** The last accepted time step. It never decreases, not even when the secret is replaced. */
    totpLastStep: integer("totp_last_step").notNull().default(0),
    totpPendingSecret: text("totp_pending_secret"),
    totpPendingExpiresAt: datetime("totp_pending_expires_at"),
    /** Consecutive failures over all sessions, networks and paths. */
    secondFactorFailures: integer("second_factor_failures").notNull().default(0),
    secondFactorBlockedUntil: datetime("second_factor_blocked_until"),
    /**
     * Random. A reset replaces it, and so does disabling the account or its second factor. Approvals with another id are void
     * (`store/second-factor/approvals.ts`).
     * Null: the row is older than this column.
     */
    approvalPeriodId: text("approval_period_id"),
    createdAt: datetime("created_at").notNull(),
    updatedAt: datetime("updated_at").notNull(),
    disabledAt: datetime("disabled_at"),
  },
  (table) => [
    uniqueIndex("users_realm_username").on(table.realm, table.username),
    index("users_canonical_name").on(table.canonicalName).where(sql`canonical_name IS NOT NULL`),
    index("users_totp_pending_expires_at")
      .on(table.totpPendingExpiresAt)
      .where(sql`totp_pending_expires_at IS NOT NULL`),
    // One index for each of `sealedColumns`, with which the hourly job finds envelopes of older keys.
    index("users_totp_secret_sealed_with")
      .on(envelopeKeyPrefixExpression("totp_secret"))
      .where(sql`totp_secret IS NOT NULL`),
    index("users_totp_pending_secret_sealed_with")
      .on(envelopeKeyPrefixExpression("totp_pending_secret"))
      .where(sql`totp_pending_secret IS NOT NULL`),
    index("users_backup_codes_sealed_with")
      .on(envelopeKeyPrefixExpression("backup_codes"))
      .where(sql`backup_codes IS NOT NULL`),
  ],
);

/** The columns of `users` that hold envelopes. */
export const sealedColumns = ["totpSecret", "totpPendingSecret", "backupCodes"] as const;

export type SealedColumn = (typeof sealedColumns)[number];

/** Returns the name of a sealed column in the database. Envelopes are bound to it, so it must never change. */
export const permanentD1NameOfSealedColumn = (column: SealedColumn): string => users[column].name;

/** API keys for `/v1`. Only the hash of a key is stored. */
export const apiKeys = sqliteTable(
  "api_keys",
  {
    id: text("id").primaryKey(),
    realm: text("realm").notNull(),
    name: text("name").notNull(),
    scopes: text("scopes", { mode: "json" }).$type<string[]>().notNull(),
    /** SHA-256 of the whole key, which has 256 random bits. */
    keyHash: text("key_hash").notNull(),
    /** Allowed return addresses of hosted challenges: origins, or prefixes of addresses. */
    returnUrls: text("return_urls", { mode: "json" }).$type<string[]>().notNull(),
    createdAt: datetime("created_at").notNull(),
    expiresAt: datetime("expires_at"),
    /** When the key was last used. Each isolate updates it at most once a minute. */
    lastUsedAt: datetime("last_used_at"),
    revokedAt: datetime("revoked_at"),
  },
  (table) => [index("api_keys_realm_id").on(table.realm, table.id)],
);

/** Stored responses to calls with an `Idempotency-Key`, for a day. */
export const idempotencyKeys = sqliteTable(
  "idempotency_keys",
  {
    realm: text("realm").notNull(),
    /** SHA-256 of the `Idempotency-Key`. */
    keyHash: text("key_hash").notNull(),
    /** SHA-256 of method, path, body and the caller's permissions. */
    requestHash: text("request_hash").notNull(),
    /** The API key of the call. Null: `ADMIN_KEY`, or the row is older than this column. */
    apiKeyId: text("api_key_id"),
    /**
     * If the response reports an accepted code: `users.approvalPeriodId` at that time. A reset, or disabling the account or
     * its second factor, changes that column, and this response is then not returned again (INC-37). Null for any other
     * response.
     */
    approvalPeriodId: text("approval_period_id"),
    /** Envelope of the response, which may contain a secret that is shown once. */
    answer: text("answer").notNull(),
    expiresAt: datetime("expires_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.realm, table.keyHash] }),
    index("idempotency_keys_expires_at").on(table.expiresAt),
  ],
);

/** Hosted challenges: a backend requests a second factor, which the user shows in a browser. */
export const challenges = sqliteTable(
  "challenges",
  {
    id: text("id").primaryKey(),
    realm: text("realm").notNull(),
    userId: text("user_id").notNull(),
    apiKeyId: text("api_key_id"),
    /**
     * `users.approvalPeriodId` when the challenge was created. A reset, or disabling the account or its second factor, changes
     * that column, and this challenge then gives no receipt (INC-37).
     */
    approvalPeriodId: text("approval_period_id"),
    /** SHA-256 of the secret in the one-time address. */
    secretHash: text("secret_hash").notNull(),
    action: text("action"),
    nonce: text("nonce"),
    returnTo: text("return_to").notNull(),
    createdAt: datetime("created_at").notNull(),
    expiresAt: datetime("expires_at").notNull(),
    /** When the one-time address was opened. It can be opened once. */
    openedAt: datetime("opened_at"),
    completedAt: datetime("completed_at"),
    /** The methods with which it was completed (as in RFC 8176), a JSON array. */
    amr: text("amr", { mode: "json" }).$type<string[]>(),
  },
  (table) => [
    uniqueIndex("challenges_secret_hash").on(table.secretHash),
    index("challenges_expires_at").on(table.expiresAt),
    index("challenges_user_id").on(table.userId),
    index("challenges_api_key_id").on(table.apiKeyId),
  ],
);

/** Pending and full sessions. The id is the SHA-256 of the secret that the token carries. */
export const sessions = sqliteTable(
  "sessions",
  {
    id: text("id").primaryKey(),
    kind: text("kind", { enum: ["pending", "full"] }).notNull(),
    userId: text("user_id").notNull(),
    /** The number of codes that were tried in this pending session. */
    attempts: integer("attempts").notNull().default(0),
    /** Keyed hash of the evidence of an external first factor (`core/tokens/session-binding.ts`). Null: a password. */
    binding: text("binding"),
    /** Set for the pending session of a hosted challenge, which never becomes a full one. */
    challengeId: text("challenge_id"),
    /** The methods of authentication (as in RFC 8176), a JSON array. */
    amr: text("amr", { mode: "json" }).$type<string[]>().notNull(),
    firstFactorAt: datetime("first_factor_at").notNull(),
    secondFactorAt: datetime("second_factor_at"),
    createdAt: datetime("created_at").notNull(),
    lastSeenAt: datetime("last_seen_at").notNull(),
    expiresAt: datetime("expires_at").notNull(),
    clientAddress: text("client_address"),
    /** The network of the client that opened it (`core/parsing/client-network.ts`). Null: the row is older than this column. */
    network: text("network"),
    userAgent: text("user_agent"),
  },
  (table) => [
    // For the sessions of an account, or of an account and network. Equal keys are in the order in which the rows were inserted.
    index("sessions_user_id_network").on(table.userId, table.network),
    // Only sessions that the first factor alone has opened. Their number for an account is limited.
    index("sessions_first_factor_alone")
      .on(table.userId, table.kind)
      .where(sql`second_factor_at IS NULL AND challenge_id IS NULL`),
    index("sessions_expires_at").on(table.expiresAt),
  ],
);

/** Counters of first-factor failures, enrolments and other limited actions. The key is a keyed hash (`domain/sign-in/throttle.ts`). */
export const throttles = sqliteTable(
  "throttles",
  {
    key: text("key").primaryKey(),
    failures: integer("failures").notNull(),
    windowEndsAt: datetime("window_ends_at").notNull(),
    blockedUntil: datetime("blocked_until"),
  },
  (table) => [index("throttles_window_ends_at").on(table.windowEndsAt)],
);

/** Audit events. They never contain a code, secret, token or password (LG-03). */
export const auditEvents = sqliteTable(
  "audit_events",
  {
    id: text("id").primaryKey(),
    at: datetime("at").notNull(),
    type: text("type").notNull(),
    realm: text("realm"),
    userId: text("user_id"),
    sessionId: text("session_id"),
    clientAddress: text("client_address"),
    userAgent: text("user_agent"),
    requestId: text("request_id"),
    /** Set when the account's owner did not act: `admin`, `api_key:<id>`, `rpc:<name>`. */
    actor: text("actor"),
    detail: text("detail", { mode: "json" }).$type<Record<string, string | number | boolean>>(),
  },
  (table) => [
    index("audit_events_at").on(table.at),
    // Both indexes sort equal keys by row id, so events are read in the order in which they were written.
    index("audit_events_user_id").on(table.userId),
    index("audit_events_realm").on(table.realm),
  ],
);

export type UserRow = typeof users.$inferSelect;
export type SessionRow = typeof sessions.$inferSelect;
export type ThrottleRow = typeof throttles.$inferSelect;
export type AuditEventRow = typeof auditEvents.$inferSelect;
export type ApiKeyRow = typeof apiKeys.$inferSelect;
export type IdempotencyKeyRow = typeof idempotencyKeys.$inferSelect;
export type ChallengeRow = typeof challenges.$inferSelect;
