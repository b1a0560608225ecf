import type { Deployment } from "./deployment.ts";

/** What only a deployment under a test's control can do. */
export type Power =
  /** Its clock can be moved. */
  | "clock"
  /** Everything that it has stored can be read. */
  | "dump"
  /** Its stores can be slowed down, or made to fail. */
  | "stores"
  /** What it logs can be read. */
  | "logs"
  /** A site behind its gate says what it was sent. */
  | "origin"
  /** It can be started with other variables. */
  | "variables";

/** One line of the requirements: its ID, and what it asks in our own words. */
interface Requirement {
  readonly id: string;
  readonly requirement: string;
}

/** A line that is checked over HTTP. */
export interface CheckedLine extends Requirement {
  /** Without these a deployment can't be asked, and the line is left to the run in workerd. */
  readonly needs?: readonly Power[];
  /** Throws when the deployment does not do what the line asks. */
  readonly check: (deployment: Deployment) => Promise<void>;
}

/** A line that is no matter of HTTP: another test of the project holds it. */
export interface LineElsewhere extends Requirement {
  /** The file, and the title's beginning. */
  readonly heldBy: string;
  readonly because: string;
}

/** A line that does not apply, or not yet. */
export interface LineLeftOut extends Requirement {
  readonly state: "does not apply" | "not built yet";
  readonly because: string;
}

export type Line = CheckedLine | LineElsewhere | LineLeftOut;
