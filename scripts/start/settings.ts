import { once } from "node:events";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { listVariables } from "../../src/config/config.ts";
import { findMisspelledVariables } from "../../src/config/misspelled-variables.ts";

/** The settings from the environment. Paths are absolute. */
export type Settings = {
  port: number;
  originPort: number;
  stateDir: string;
  basePath: string;
  /** The site behind the gate. Null: the demo origin. */
  originUrl: string | null;
  /** The other variables of docs/configuration.md that the environment has. */
  variables: Readonly<Record<string, string>>;
  /** The names of the variables of docs/configuration.md that the environment has, in the order of the alphabet. */
  taken: readonly string[];
  /** Variables of the environment that are almost named like one of docs/configuration.md, and have no effect. */
  misspelled: readonly { readonly name: string; readonly nearest: string }[];
};

/** Secrets come from `.dev.vars` only: the arguments of wrangler would show them to every user of this machine. */
const secretVariables: readonly string[] = ["KEYRING", "ADMIN_KEY", "EXPORT_KEY", "PROXY_KEY"];

/** An error that the user can correct. Only its message is printed. */
export class StartError extends Error {}

/** Reads PORT, ORIGIN_PORT, STATE_DIR, and the variables of docs/configuration.md. Throws `StartError` naming the variable that is wrong. */
export function parseSettings(env: NodeJS.ProcessEnv): Settings {
  const port = parsePort("PORT", env.PORT || "8787");
  const originPort = parsePort("ORIGIN_PORT", env.ORIGIN_PORT || "8788");
  if (port === originPort) throw new StartError(`PORT and ORIGIN_PORT must differ, and are both ${port}.`);

  const basePath = env.BASE_PATH || "/api/auth";
  if (!/^(\/[A-Za-z0-9._~-]+)+$/.test(basePath)) {
    throw new StartError(
      `BASE_PATH must be a path such as /api/auth, without a / at the end: "${basePath}".`,
    );
  }
  const taken = [...new Set(listVariables())]
    .filter((name) => env[name] && !secretVariables.includes(name))
    .sort();
  const others = taken.filter((name) => name !== "BASE_PATH" && name !== "ORIGIN_URL");
  return {
    port,
    originPort,
    stateDir: resolve(env.STATE_DIR || ".wrangler/state"),
    basePath,
    originUrl: env.ORIGIN_URL || null,
    variables: Object.fromEntries(others.map((name) => [name, env[name] ?? ""])),
    taken,
    // ORIGIN_PORT is near ORIGIN_HOST.
    misspelled: findMisspelledVariables(env, listVariables()).filter(({ name }) => name !== "ORIGIN_PORT"),
  };
}

function parsePort(name: string, value: string): number {
  const port = /^[0-9]{1,5}$/.test(value) ? Number(value) : 0;
  if (port < 1 || port > 65535)
    throw new StartError(`${name} must be a port number from 1 to 65535: "${value}".`);
  return port;
}

/** Throws `StartError` unless the loopback port is free. `variable` names the variable that sets it. */
export async function requireFreePort(variable: string, port: number): Promise<void> {
  // A browser resolves "localhost" to ::1 first, and would reach another program there.
  for (const host of ["127.0.0.1", "::1"]) {
    const failure = await tryListening(host, port);
    if (failure === null || (host === "::1" && /^(EADDRNOTAVAIL|EAFNOSUPPORT)$/.test(failure))) continue;
    if (failure !== "EADDRINUSE")
      throw new StartError(`Port ${port} (${variable}) can't be used (${failure}).`);
    throw new StartError(
      `Port ${port} is already in use. Stop the program that uses it, or set another port in ${variable}. ` +
        "A second copy of Sallyport needs its own PORT, ORIGIN_PORT and STATE_DIR.",
    );
  }
}

/** Tries to listen on a port. Returns null, or the code of the error. */
async function tryListening(host: string, port: number): Promise<string | null> {
  const server = createServer();
  try {
    server.listen({ host, port });
    await once(server, "listening");
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    await new Promise((closed) => server.close(closed));
  }
}
