import { randomBytes } from "node:crypto";
import { bundleSallyport, generateKeyring, removeBundle, startDirectWorkers } from "./direct-worker.ts";
import { findFreePorts } from "./processes.ts";

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
  readonly vars: (baseUrl: string) => Readonly<Record<string, string>>;
}

/** Starts a Worker, with stores of its own, for each name: all in one process. */
export async function startGates(inputs: readonly GateInput[]) {
  const ports = await findFreePorts(inputs.length);
  const planned = inputs.map(({ name, vars }, index) => {
    const port = ports[index] ?? 0;
    const baseUrl = `http://localhost:${port}`;
    const bindings = {
      BASE_PATH: "/api/auth",
      ADMIN_KEY: randomBytes(32).toString("base64url"),
      ...vars(baseUrl),
    };
    return { name, port, baseUrl, bindings: { KEYRING: generateKeyring(), ...bindings } };
  });
  const bundle = bundleSallyport();
  try {
    const { stop } = await startDirectWorkers(bundle, planned);
    const gates = planned.map(({ name, baseUrl, bindings }): [string, Gate] => {
      const { ADMIN_KEY: adminKey, BASE_PATH: basePath } = bindings;
      return [name, { baseUrl, adminKey, basePath }];
    });
    return { gates: new Map(gates), stop };
  } finally {
    removeBundle(bundle);
  }
}
