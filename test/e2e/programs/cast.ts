import type { Browser } from "playwright-core";
import type { Program } from "../apps/program.ts";
import type { Gate } from "../support/gates.ts";

/** A running program, a gate in front of it for each first factor, and a browser. */
export interface Cast<P extends Program = Program> {
  readonly program: P;
  readonly browser: Browser;
  /** `FIRST_FACTOR=password`. */
  readonly password: Gate;
  /** `FIRST_FACTOR=origin`: for a program with a login. */
  readonly origin: Gate;
  /** An empty directory for what a client writes. */
  readonly scratchDir: string;
}
