import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findFreePorts, isListening } from "./processes.ts";
import { type ServerCommand, startServer } from "./server.ts";
import { playTraefik } from "./traefik.ts";

const examples = fileURLToPath(new URL("../../../examples", import.meta.url));

export type Surroundings = {
  workerPort: number;
  sitePort: number;
  proxyKey: string;
  /** The name that the Worker is asked under. By default the one that the visitor uses; Traefik uses its own. */
  workerHost?: string;
  /** Instead of HAProxy's script from `examples/`. */
  luaPath?: string;
  /** nginx takes names with any character, for all its servers and above all for the default one of the socket. */
  permissive?: boolean;
};

export type RunningProxy = {
  /** `http://127.0.0.1:8080`, without a slash at its end. */
  readonly baseUrl: string;
  readonly port: number;
  /** Where the Worker takes itself to be when this proxy asks: issuer and audience of assertions. */
  readonly seenByWorker: string;
  /** The site gets no cookie of Sallyport's. */
  readonly hidesCookies: boolean;
  /** A response that hands over a renewed session cookie says `Cache-Control: private`. */
  readonly marksRenewalsPrivate: boolean;
  /** Cleared families are cleared whole; nginx and, in part, Traefik know their headers by name. */
  readonly clearsFamilies: boolean;
  /** A client can name headers in `Connection` that the site then does not get, its own name among them. */
  readonly heedsConnection: boolean;
  readonly stop: () => Promise<void>;
};

type Settings = Surroundings & { workerHost: string; port: number };

/** How each proxy is run on the files in `examples/` in a folder of its own. */
const runs = { nginx: runNginx, caddy: runCaddy, haproxy: runHaproxy };

export type ProxyName = keyof typeof runs | "traefik";
export const proxyNames = [...(Object.keys(runs) as Array<keyof typeof runs>), "traefik" as const];

/**
 * Starts Debian's nginx, Caddy or HAProxy, or what plays Traefik, on a free port of the loopback, in front of the Worker
 * and a site.
 */
export async function startProxy(name: ProxyName, surroundings: Surroundings): Promise<RunningProxy> {
  if (name === "traefik") return playTraefik(surroundings);
  const [port = 0] = await findFreePorts(1);
  const host = `127.0.0.1:${port}`;
  const folder = mkdtempSync(join(tmpdir(), `sallyport-${name}-`));
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const settings = { workerHost: host, ...surroundings, port };
    const run = runs[name](folder, settings);
    const server = await startServer({ ...run, isReady: () => isListening(port) });
    const stop = () => server.stop().finally(remove);
    const seenByWorker = `http://${settings.workerHost}`;
    return {
      baseUrl: `http://${host}`,
      port,
      seenByWorker,
      hidesCookies: true,
      marksRenewalsPrivate: true,
      clearsFamilies: name !== "nginx",
      heedsConnection: false,
      stop,
    };
  } catch (error) {
    remove();
    throw error;
  }
}

type Run = Omit<ServerCommand, "isReady">;

function runNginx(folder: string, settings: Settings): Run {
  const values = {
    SALLYPORT_ADDRESS: `127.0.0.1:${settings.workerPort}`,
    SALLYPORT_SCHEME: "http",
    SALLYPORT_HOST: settings.workerHost,
    SALLYPORT_BASE_PATH: "/api/auth",
    SALLYPORT_PROXY_KEY: settings.proxyKey,
    SALLYPORT_REMOTE_USER: "",
    SALLYPORT_CA_FILE: "/etc/ssl/certs/ca-certificates.crt",
    LISTEN: `127.0.0.1:${settings.port}`,
    SITE_NAME: "127.0.0.1",
    SITE_ADDRESS: `127.0.0.1:${settings.sitePort}`,
  };
  mkdirSync(join(folder, "sallyport"));
  for (const file of readdirSync(join(examples, "nginx"))) {
    const text = readFileSync(join(examples, "nginx", file), "utf8");
    writeFileSync(join(folder, "sallyport", file), substitute(text, values));
  }
  // What Debian's nginx.conf has around the sites, with every path in the folder.
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((it) => `${it}_temp_path ${it};`);
  const permissive = `
      ignore_invalid_headers off;
      underscores_in_headers on;
      server {
        listen ${values.LISTEN} default_server;
        server_name other.example;
        return 404;
      }`;
  const configuration = `
    daemon off;
    master_process off;
    pid nginx.pid;
    error_log stderr warn;
    events {}
    http {
      access_log off;
      ${paths.join("\n      ")}
      ${settings.permissive ? permissive : ""}
      include sallyport/sallyport-http.conf;
      include sallyport/example-site.conf;
    }`;
  const path = join(folder, "nginx.conf");
  writeFileSync(path, configuration);
  return { command: "nginx", args: ["-p", folder, "-e", "stderr", "-c", path] };
}

/** As `envsubst` does it, but for a name without a value. */
function substitute(text: string, values: Record<string, string>): string {
  return text.replace(/\$\{([A-Z_]+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`No value for ${name}`);
    return value;
  });
}

function runCaddy(folder: string, settings: Settings): Run {
  const path = join(folder, "Caddyfile");
  // Nothing of the machine's: no port for administration, no certificates.
  const options = ["admin off", "auto_https off", "default_bind 127.0.0.1"];
  writeFileSync(path, `{\n\t${options.join("\n\t")}\n}\nimport ${join(examples, "caddy", "Caddyfile")}\n`);
  const env = {
    SALLYPORT_URL: `http://127.0.0.1:${settings.workerPort}`,
    SALLYPORT_HOST: settings.workerHost,
    SALLYPORT_PROXY_KEY: settings.proxyKey,
    SITE_NAME: `http://127.0.0.1:${settings.port}`,
    SITE_ADDRESS: `127.0.0.1:${settings.sitePort}`,
    HOME: folder,
    XDG_DATA_HOME: folder,
    XDG_CONFIG_HOME: folder,
  };
  return { command: "caddy", args: ["run", "--config", path, "--adapter", "caddyfile"], env };
}

function runHaproxy(folder: string, settings: Settings): Run {
  const env = {
    SALLYPORT_LUA: settings.luaPath ?? join(examples, "haproxy", "sallyport.lua"),
    SALLYPORT_ADDRESS: `127.0.0.1:${settings.workerPort}`,
    SALLYPORT_SCHEME: "http",
    SALLYPORT_HOST: settings.workerHost,
    SALLYPORT_PROXY_KEY: settings.proxyKey,
    // Abstract sockets are everybody's, and two copies must not answer each other's questions.
    SALLYPORT_LOCAL: `unix@${join(folder, "question.sock")}`,
    LISTEN: `127.0.0.1:${settings.port}`,
    SITE_ADDRESS: `127.0.0.1:${settings.sitePort}`,
  };
  return { command: "haproxy", args: ["-db", "-f", join(examples, "haproxy", "haproxy.cfg")], env };
}
