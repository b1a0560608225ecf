import { base32nopad, base64, base64nopad, base64url, base64urlnopad, hex } from "@scure/base";
import { sha256BackupCode } from "../../src/core/crypto/backup-code-hashes.ts";

/** The kinds of sensitive values. */
export type Kind =
  | "password"
  | "password hash's salt-free form"
  | "code"
  | "TOTP secret"
  | "provisioning URI"
  | "QR code"
  | "backup code"
  | "hash of a backup code"
  | "token"
  | "session secret"
  | "admin key"
  | "export key"
  | "keyring"
  | "proxy key"
  | "wrong API key"
  | "unknown name"
  | "query of a request"
  | "assertion"
  | "credential of another"
  | "unknown field"
  | "nonsense that was sent";

export type Sensitive = readonly [what: Kind, text: string];

/** Collects the sensitive values of all requests and responses, and finds them in other texts. */
export class SensitiveData {
  readonly texts: Sensitive[] = [];

  note(what: Kind, ...texts: (string | undefined)[]): void {
    for (const text of texts) {
      if (text === undefined || text === "") throw new Error(`There is no ${what} to note`);
      this.texts.push([what, text]);
    }
  }

  /** Adds a token, and those of its parts that are sensitive on their own. */
  noteToken(token: string): string {
    const [, payload = "", signature] = token.replace(/^pending_/, "").split(".");
    const claims = JSON.parse(new TextDecoder().decode(base64urlnopad.decode(payload)));
    this.note("token", token, payload, signature);
    this.note("session secret", claims.sid);
    return token;
  }

  /** Adds a TOTP secret in all its encodings. */
  noteSecret(secret: string): string {
    const bytes = base32nopad.decode(secret);
    const groups = secret.match(/.{4}/g)?.join(" ");
    this.note("TOTP secret", secret, secret.toLowerCase(), groups);
    this.note("TOTP secret", hex.encode(bytes), hex.encode(bytes).toUpperCase());
    this.note("TOTP secret", base64.encode(bytes), base64nopad.encode(bytes), base64url.encode(bytes));
    this.note("TOTP secret", base64urlnopad.encode(bytes));
    return secret;
  }

  /** Adds backup codes in every spelling that is accepted, and in similar ones. */
  async noteBackupCodes(codes: readonly string[]): Promise<void> {
    for (const shown of codes) {
      const plain = shown.replace("-", "");
      const spoken = plain.replaceAll("0", "O").replaceAll("1", "I");
      for (const form of new Set([shown, plain, shown.replace("-", " "), spoken])) {
        this.note("backup code", form, form.toLowerCase());
      }
      // 40 bits can be searched exhaustively, so a hash without a key is sensitive as well.
      this.note("hash of a backup code", await sha256BackupCode(plain));
    }
  }

  noteCode(text: string): string {
    this.note("code", text);
    return text;
  }

  noteAs(what: Kind, text: string): string {
    this.note(what, text);
    return text;
  }

  /** Finds the sensitive values in a text. */
  findIn(haystack: string): Sensitive[] {
    return this.texts.filter((sensitive) => isIn(haystack, sensitive));
  }
}

/** Six digits can be part of a longer number by chance. Only as a separate value or word they are a leak. */
function isIn(haystack: string, [what, text]: Sensitive): boolean {
  if (what !== "code") return haystack.includes(text);
  return new RegExp(`(?<![0-9A-Za-z_-])${text}(?![0-9A-Za-z_-])`).test(haystack);
}
