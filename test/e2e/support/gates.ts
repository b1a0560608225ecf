import { randomBytes } from "node:crypto";
import {
  bundleSallyport,
  generateKeyring,
  removeBundle,
  startDirectWorkers,
  type WorkerInput,
} from "./direct-worker.ts";
import { findFreePorts } from "./processes.ts";

/** A Sallyport in front of a site. */
export interface Gate {
  /** `http://localhost:8787`, without a slash at its end. */
  readonly baseUrl: string;
  readonly port: number;
  readonly adminKey: string;
}

export interface Gates<Name extends string> {
  readonly gates: Readonly<Record<Name, Gate>>;
  readonly stop: () => Promise<void>;
}

/**
 * Chooses a free port for each gate, because a variable may contain it. The visitor's host has another name than the origin's,
 * which is `127.0.0.1`, because some programs compare names without ports.
 */
export async function planGates<Name extends string>(names: readonly Name[]): Promise<Record<Name, Gate>> {
  const ports = await findFreePorts(names.length);
  const gates = names.map((name, index): [Name, Gate] => {
    const port = ports[index] ?? 0;
    const adminKey = randomBytes(32).toString("base64url");
    return [name, { baseUrl: `http://localhost:${port}`, port, adminKey }];
  });
  return Object.fromEntries(gates) as Record<Name, Gate>;
}

/** Starts a Worker with these variables, and stores of its own, for each gate: all in one process. */
export async function startGates<Name extends string>(
  gates: Readonly<Record<Name, Gate>>,
  vars: Readonly<Record<Name, Readonly<Record<string, string>>>>,
): Promise<Gates<Name>> {
  const bundle = bundleSallyport();
  try {
    const workers = Object.entries<Gate>(gates).map(([name, { port, adminKey }]): WorkerInput => {
      const bindings = { KEYRING: generateKeyring(), ADMIN_KEY: adminKey, ...vars[name as Name] };
      return { name, port, bindings };
    });
    const { stop } = await startDirectWorkers(bundle, workers);
    return { gates, stop };
  } finally {
    removeBundle(bundle);
  }
}
