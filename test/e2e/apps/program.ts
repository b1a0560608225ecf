/** A running third-party program, unchanged, with an account of its own. */
export interface Program {
  /** Where it listens. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** What the Worker needs with any first factor in addition to `ORIGIN_URL`. */
  readonly vars?: Readonly<Record<string, string>>;
  /** What `FIRST_FACTOR=origin` needs for it in addition. None: it has no login. */
  readonly originVars?: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export interface ProgramOptions {
  readonly port: number;
  /** An empty directory for all that the program writes. */
  readonly stateDir: string;
  /** The addresses that visitors know it under: one for each first factor. */
  readonly publicUrls: { readonly password: string; readonly origin: string };
}

export const credentials = { username: "alice", password: "through the looking-glass" };

/** The account as Apache's `htpasswd` stores it, which nginx and Radicale read. */
export const htpasswd = `${credentials.username}:$apr1$wonder$yFKDgmuX.CGGl/HB48nN4/\n`;
