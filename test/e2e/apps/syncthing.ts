import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runServer } from "./app.ts";
import { credentials, type Program, type ProgramOptions } from "./program.ts";

/**
 * Syncthing (Debian: `syncthing`). Its page signs in with Basic authentication, gets a session cookie and a token against
 * forged requests, and lives on long polling. It is the server of one account, and every response to a signed-in visitor has
 * the id of the device in a header.
 *
 * Below `/rest` it responds 403 "CSRF Error" to a signed-in request without the token: no address there can be the who-am-I.
 */
export async function startSyncthing({ port, stateDir }: ProgramOptions): Promise<Program> {
  const url = `http://127.0.0.1:${port}`;
  const { username, password } = credentials;
  const home = `--home=${stateDir}`;
  const env = { PATH: process.env.PATH ?? "", HOME: stateDir };
  execFileSync("syncthing", ["generate", home, `--gui-user=${username}`, `--gui-password=${password}`], {
    env,
    stdio: "pipe",
  });
  const configPath = join(stateDir, "config.xml");
  const config = readFileSync(configPath, "utf8");
  // No other device: nothing that listens, announces or asks another host.
  const quiet = [
    "globalAnnounceEnabled",
    "localAnnounceEnabled",
    "relaysEnabled",
    "natEnabled",
    "crashReportingEnabled",
  ];
  const silenced = quiet.reduce(
    (text, name) => text.replace(new RegExp(`<${name}>true</${name}>`), `<${name}>false</${name}>`),
    config,
  );
  writeFileSync(
    configPath,
    silenced
      .replace(/<listenAddress>[^<]*</, "<listenAddress>tcp://127.0.0.1:0<")
      .replace(/<urAccepted>0</, "<urAccepted>-1<"),
  );
  const id = /<device id="([A-Z2-7-]{63})"/.exec(config)?.[1] ?? "";
  const stop = await runServer({
    command: "syncthing",
    args: [
      ...["serve", home, "--no-browser", "--no-upgrade", "--no-restart"],
      `--gui-address=127.0.0.1:${port}`,
    ],
    cwd: stateDir,
    readyUrl: `${url}/`,
    readyStatus: 401,
  });
  return {
    ...credentials,
    url,
    originVars: {
      WHOAMI_URL: "/meta.js",
      WHOAMI_USER: "header:X-Syncthing-Id",
      ORIGIN_COOKIES: `sessionid-${id.slice(0, 5)}`,
    },
    stop,
  };
}
