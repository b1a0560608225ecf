import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type App, type AppOptions, runServer } from "./app.ts";

const username = "alice";
const password = "through the looking-glass";
const other = { username: "mallory", password: "down the rabbit-hole" };

/**
 * Fossil, the source-code management with its own web site and users (Debian: `fossil`), with a private repository.
 * A login form without script, one cookie, and HTTP/1.0 answers.
 *
 * Fossil reads the cookie first. Under `/json/` it reads the parameter `authToken` if there is no cookie; for its pages
 * never. It does not read `Authorization`. Fossil itself, asked as the Worker asks (no browser's `User-Agent`, another
 * address than at the sign-in), `GET /json/whoami`:
 *
 * | Cookie | authToken | Response |
 * | --- | --- | --- |
 * | alice | mallory, or garbage | 200 alice |
 * | mallory | alice | 200 mallory |
 * | none | alice | 200 alice |
 * | garbage, or none | garbage, or none | 200 nobody |
 */
export async function startFossil({ port, stateDir, publicUrl }: AppOptions): Promise<App> {
  const url = `http://127.0.0.1:${port}`;
  // What lies beside the repository could be asked for: a server of one file shows that file only.
  const repository = join(stateDir, "repository", "sample.fossil");
  mkdirSync(join(stateDir, "repository"), { recursive: true });
  const fossil = (...args: string[]) =>
    execFileSync("fossil", args, {
      cwd: stateDir,
      env: { ...process.env, HOME: stateDir },
      encoding: "utf8",
    });
  fossil("init", "--admin-user", username, repository);
  fossil("user", "password", username, password, "-R", repository);
  fossil("user", "new", other.username, "", other.password, "-R", repository);
  for (const everybody of ["nobody", "anonymous"])
    fossil("user", "capabilities", everybody, "", "-R", repository);
  const projectCode = /^project-code: *([0-9a-f]{40})$/m.exec(fossil("info", "-R", repository))?.[1];
  if (projectCode === undefined) throw new Error("fossil info names no project");
  const stop = await runServer({
    command: "fossil",
    args: [
      ...["server", repository, "--localhost", "--port", String(port)],
      // Its redirects and its <base> are absolute.
      ...["--baseurl", publicUrl ?? url],
    ],
    cwd: stateDir,
    readyUrl: `${url}/login`,
  });
  return {
    name: "Fossil",
    url,
    username,
    password,
    other,
    whoAmI: { path: "/json/whoami", kind: "json", pointer: "/payload/name", nobody: "nobody" },
    sessionCookies: [`fossil-${projectCode.slice(0, 16)}`],
    login: {
      path: "/login",
      username: "input[name=u]",
      password: "input[name=p]",
      submit: "input[name=in]",
      sentBy: "navigation",
    },
    protectedPath: "/setup_ulist",
    protectedSelector: `a:text-is("${username}")`,
    logout: {
      path: "/login",
      clicks: ["input[name=out]"],
      signedOutSelector: "a[href='/login']:text-is('Login')",
    },
    stop,
  };
}
