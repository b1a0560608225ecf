import { randomFillSync } from "node:crypto";
import type { AuditEventRow, SessionRow, UserRow } from "../../src/store/platform/schema.ts";

/** Rows that the Worker's own code generated. Random rows have values of the same lengths and randomness. */
export interface Samples {
  readonly user: UserRow;
  readonly session: SessionRow;
}

const userAgents = [
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Linux; Android 16; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Mobile Safari/537.36",
  "Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0",
];

/** Generates an account without usable credentials: envelopes and hashes are random text of the same length. */
export function randomUser({ user }: Samples, createdAt: Date): UserRow {
  const id = crypto.randomUUID();
  const username = `user-${id.slice(0, 18)}`;
  return {
    ...user,
    id,
    username,
    email: `${username}@example.com`,
    passwordHash: alike(user.passwordHash, "$scrypt$ln=14,r=8,p=5$".length),
    totpSecret: alike(user.totpSecret, "v1.k1.".length),
    backupCodes: alike(user.backupCodes, "v1.k1.".length),
    totpSetupAt: createdAt,
    totpLastStep: Math.floor(createdAt.getTime() / 30_000),
    createdAt,
    updatedAt: createdAt,
  };
}

/** Generates an unexpired full session without a known token. */
export function randomSession({ session }: Samples, userId: string, at: Date, expiresAt: Date): SessionRow {
  return {
    ...session,
    id: randomText(session.id.length),
    userId,
    firstFactorAt: at,
    secondFactorAt: at,
    createdAt: at,
    lastSeenAt: at,
    expiresAt,
    clientAddress: randomAddress(),
    userAgent: pick(userAgents),
  };
}

/** Generates one of the two events of a sign-in. */
export function randomEvent({ session }: Samples, userId: string, at: Date): AuditEventRow {
  const [type, method] = Math.random() < 0.5 ? ["first_factor", "password"] : ["second_factor", "totp"];
  return {
    id: crypto.randomUUID(),
    at,
    type: `${type}.accepted`,
    realm: "local",
    userId,
    sessionId: randomText(session.id.length),
    clientAddress: randomAddress(),
    userAgent: pick(userAgents),
    requestId: crypto.randomUUID(),
    actor: null,
    detail: { method: `${method}` },
  };
}

const alike = (text: string | null, kept: number): string | null =>
  text === null ? null : text.slice(0, kept) + randomText(text.length - kept);

const pool = Buffer.alloc(1 << 20);
let used = pool.length;

/** Generates `length` characters of base64url. */
function randomText(length: number): string {
  const bytes = Math.ceil((length * 3) / 4);
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString("base64url", used - bytes, used).slice(0, length);
}

/** Generates an address. One in three is IPv6. */
function randomAddress(): string {
  const bits = () => Math.floor(Math.random() * 0x10000);
  if (Math.random() < 1 / 3) return `2001:db8:${[0, 0, 0, 0, 0, 0].map(() => bits().toString(16)).join(":")}`;
  return [bits(), bits()].map((pair) => `${pair >> 8}.${pair & 0xff}`).join(".");
}

const pick = <T>(values: readonly T[]): T => values[Math.floor(Math.random() * values.length)] as T;
