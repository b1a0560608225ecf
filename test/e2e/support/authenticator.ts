import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

const stepMilliseconds = 30_000;

/** The code that oathtool computes for a base32 secret, now or at another time. */
export function computeCode(secret: string, atMilliseconds = Date.now()): string {
  const now = new Date(atMilliseconds).toISOString().replace("T", " ").replace(/\..*/, " UTC");
  const code = execFileSync("oathtool", ["--totp", "--base32", "--now", now, "-"], {
    input: secret,
    encoding: "utf8",
  });
  return code.trim();
}

/** What the QR code in a picture says, as zbarimg reads it. Throws when there is none. */
export function decodeQr(picturePath: string): string {
  return execFileSync("zbarimg", ["--nodbus", "--raw", "--quiet", picturePath], { encoding: "utf8" }).trim();
}

/** Resolves when the next 30-second step has begun. */
export async function waitForNextStep(): Promise<void> {
  const step = currentStep();
  // A timer may fire early, and the clock may be set.
  while (currentStep() <= step) await sleep(stepMilliseconds - (Date.now() % stepMilliseconds));
}

/** A phone in a hand: its owner never types the same code twice, but waits for the next one. */
export class Authenticator {
  readonly #secret: string;
  #lastStep = 0;

  constructor(secret: string) {
    this.#secret = secret;
  }

  static fromUri(provisioningUri: string): Authenticator {
    const secret = new URL(provisioningUri).searchParams.get("secret");
    if (!secret) throw new Error(`No secret in ${provisioningUri}`);
    return new Authenticator(secret);
  }

  /** A code that this authenticator has not shown before. */
  async nextCode(): Promise<string> {
    if (currentStep() <= this.#lastStep) await waitForNextStep();
    this.#lastStep = currentStep();
    return computeCode(this.#secret, this.#lastStep * stepMilliseconds);
  }
}

const currentStep = () => Math.floor(Date.now() / stepMilliseconds);
