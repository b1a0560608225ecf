import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

const stepMilliseconds = 30_000;
const safetyMilliseconds = 10_000;

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
  readonly secret: string;
  #lastStep = 0;

  constructor(secret: string) {
    this.secret = secret;
  }

  static fromUri(provisioningUri: string): Authenticator {
    const secret = new URL(provisioningUri).searchParams.get("secret");
    if (!secret) throw new Error(`No secret in ${provisioningUri}`);
    return new Authenticator(secret);
  }

  /** A code that this authenticator has not shown before. */
  async nextCode(): Promise<string> {
    while (currentStep() <= this.#lastStep) await waitForNextStep();
    return this.#codeOf(currentStep());
  }

  /**
   * A code that this authenticator has not shown before, of a phone whose clock may be one step off either way: the
   * server takes that, and there are three codes before anybody has to wait.
   */
  async soonestCode(): Promise<string> {
    // A code of the step before must reach the server before this step ends.
    const left = stepMilliseconds - (Date.now() % stepMilliseconds);
    const earliest = left < safetyMilliseconds ? currentStep() : currentStep() - 1;
    const step = Math.max(this.#lastStep + 1, earliest);
    while (step > currentStep() + 1) await waitForNextStep();
    return this.#codeOf(step);
  }

  /** The last code again, which must be rejected. */
  lastCode(): string {
    return computeCode(this.secret, this.#lastStep * stepMilliseconds);
  }

  /** Six digits that are the code of no step around now. */
  wrongCode(): string {
    const near = [-2, -1, 0, 1, 2, 3].map((steps) =>
      computeCode(this.secret, Date.now() + steps * stepMilliseconds),
    );
    return ["000000", "111111", "222222", "333333", "444444", "555555", "666666"].find(
      (code) => !near.includes(code),
    ) as string;
  }

  #codeOf(step: number): string {
    this.#lastStep = step;
    return computeCode(this.secret, step * stepMilliseconds);
  }
}

const currentStep = () => Math.floor(Date.now() / stepMilliseconds);
