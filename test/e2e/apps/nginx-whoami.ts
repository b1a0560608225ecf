import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runServer } from "./app.ts";
import { htpasswd, type ProgramOptions } from "./program.ts";

/**
 * A who-am-I for a program with Basic authentication and without a page that names the user: nginx (Debian: `nginx`) with the
 * program's own file of users. The response of `/whoami` names the user in `X-User`.
 */
export async function startBasicWhoAmI({ port, stateDir }: Pick<ProgramOptions, "port" | "stateDir">) {
  const url = `http://127.0.0.1:${port}`;
  mkdirSync(stateDir);
  mkdirSync(join(stateDir, "tmp"));
  for (const page of ["whoami", "ready"]) writeFileSync(join(stateDir, page), "");
  writeFileSync(join(stateDir, "users"), htpasswd, { mode: 0o644 });
  writeFileSync(join(stateDir, "nginx.conf"), nginx(stateDir, "", server(port, stateDir)));
  return { url: `${url}/whoami`, stop: await runNginx(stateDir, `${url}/ready`) };
}

const server = (port: number, stateDir: string) => `
  server {
    listen 127.0.0.1:${port};
    root ${stateDir};
    location = /whoami { ${basicAuth(stateDir)} add_header X-User $remote_user; }
    location = /ready {}
    location / { return 404; }
  }`;

export const basicAuth = (stateDir: string) => `auth_basic "e2e"; auth_basic_user_file ${stateDir}/users;`;

/** A configuration that writes to this directory only. */
export const nginx = (stateDir: string, modules: string, servers: string) => `
${modules}
daemon off;
master_process off;
pid ${stateDir}/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path ${stateDir}/tmp;
  proxy_temp_path ${stateDir}/tmp;
  fastcgi_temp_path ${stateDir}/tmp;
  uwsgi_temp_path ${stateDir}/tmp;
  scgi_temp_path ${stateDir}/tmp;
  ${servers}
}
`;

export const runNginx = (stateDir: string, readyUrl: string) =>
  runServer({
    command: "/usr/sbin/nginx",
    args: ["-p", stateDir, "-e", join(stateDir, "error.log"), "-c", join(stateDir, "nginx.conf")],
    cwd: stateDir,
    readyUrl,
  });
