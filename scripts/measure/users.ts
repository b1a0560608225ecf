import { createHash } from "node:crypto";
import { base32nopad, base64nopad } from "@scure/base";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
const start = Date.UTC(2024, 0, 1);

/** Generates the import line of a user: about 1 KiB, and the same for the same `index`. */
export function lineOfUser(index: number): string {
  const salt = base64nopad.encode(digest(`salt ${index}`).subarray(0, 16));
  const hash = base64nopad.encode(digest(`password ${index}`));
  return `${JSON.stringify({
    id: `user-${index}`,
    username: `user.${index}`,
    email: `user.${index}@example.com`,
    secret: base32nopad.encode(digest(`secret ${index}`).subarray(0, 20)),
    totp_setup_at: new Date(start + index * 60_000).toISOString(),
    totp_last_step: 56_000_000 + index,
    backup_codes: Array.from({ length: 10 }, (_, code) =>
      digest(`code ${index} ${code}`).toString("base64url"),
    ),
    password_hash: `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${hash}`,
    created_at: new Date(start + index * 30_000).toISOString(),
  })}\n`;
}
