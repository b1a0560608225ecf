import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { basicAuth, nginx, runNginx } from "./nginx-whoami.ts";
import { credentials, htpasswd, type Program, type ProgramOptions } from "./program.ts";

/** Debian's package puts it there. */
const davModule = "load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;";

/**
 * nginx as a WebDAV server (Debian: `nginx libnginx-mod-http-dav-ext`), with Basic authentication. For `COPY` and `MOVE` it
 * compares the host of `Destination` with `Host`. `/whoami` is what an operator adds for `FIRST_FACTOR=origin`.
 */
export async function startNginxDav({ port, stateDir }: ProgramOptions): Promise<Program> {
  const url = `http://127.0.0.1:${port}`;
  for (const folder of ["files", "tmp", "own"]) mkdirSync(join(stateDir, folder));
  writeFileSync(join(stateDir, "users"), htpasswd, { mode: 0o644 });
  for (const page of ["ready", "whoami"]) writeFileSync(join(stateDir, "own", page), "");
  writeFileSync(join(stateDir, "nginx.conf"), nginx(stateDir, davModule, server(port, stateDir)));
  const stop = await runNginx(stateDir, `${url}/ready`);
  return {
    ...credentials,
    url,
    originVars: {
      WHOAMI_URL: "/whoami",
      WHOAMI_USER: "header:X-User",
      ORIGIN_COOKIES: "none",
    },
    stop,
  };
}

const server = (port: number, stateDir: string) => `
  dav_ext_lock_zone zone=locks:1m;
  server {
    listen 127.0.0.1:${port};
    root ${stateDir}/files;
    client_max_body_size 0;
    location / {
      ${basicAuth(stateDir)}
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS LOCK UNLOCK;
      dav_ext_lock zone=locks;
      autoindex on;
    }
    location = /whoami { root ${stateDir}/own; ${basicAuth(stateDir)} add_header X-User $remote_user; }
    location = /ready { root ${stateDir}/own; }
  }`;
