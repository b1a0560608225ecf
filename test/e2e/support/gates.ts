import { randomBytes } from "node:crypto";
import { bundleSallyport, generateKeyring, removeBundle, startDirectWorkers } from "./direct-worker.ts";

/** A Sallyport in front of a site. */
export interface Gate {
  /**
   * `http://localhost:8787`, without a slash at its end. The host has another name than the origin's, which is `127.0.0.1`,
   * because some programs compare names without ports.
   */
  readonly baseUrl: string;
  readonly adminKey: string;
  /** `BASE_PATH`. */
  readonly basePath: string;
}

export interface GateInput {
  readonly name: string;
  readonly port: number;
  readonly vars: Readonly<Record<string, string>>;
}

/** The `baseUrl` of the gate with this port. */
export const gateUrl = (port: number) => `http://localhost:${port}`;

/** Starts a Worker, with stores of its own, for each name: all in one process. */
export async function startGates(inputs: readonly GateInput[]) {
  const planned = inputs.map(({ name, port, vars }) => {
    const ADMIN_KEY = randomBytes(32).toString("base64url");
    return {
      name,
      port,
      bindings: { KEYRING: generateKeyring(), ADMIN_KEY, BASE_PATH: "/api/auth", ...vars },
    };
  });
  const bundle = bundleSallyport();
  try {
    const { stop } = await startDirectWorkers(bundle, planned);
    const gates = planned.map(({ name, port, bindings }): [string, Gate] => {
      const { ADMIN_KEY: adminKey, BASE_PATH: basePath } = bindings;
      return [name, { baseUrl: gateUrl(port), adminKey, basePath }];
    });
    return { gates: new Map(gates), stop };
  } finally {
    removeBundle(bundle);
  }
}
