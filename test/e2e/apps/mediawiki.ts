import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type App, type AppOptions, runServer } from "./app.ts";

const program = "/usr/share/mediawiki";
const username = "Alice";
const password = "through the looking-glass";
const other = { username: "Mallory", password: "down the rabbit-hole" };

/**
 * MediaWiki (Debian: `mediawiki php8.2-cli php8.2-sqlite3 php8.2-mbstring php8.2-xml`, without recommended packages),
 * a private wiki in SQLite. A login form with a token, a session id that changes at sign-in, and a log-out by script.
 *
 * Without an extension MediaWiki reads cookies only. MediaWiki itself, asked as the Worker asks, names alice by all of its
 * cookies, by `wikiUserID` and `wikiToken` alone, and by its cookies beside garbage in `Authorization`; garbage alone, in
 * either, is 200 with the error `assertuserfailed` and no name. A `wikiUserName` of another account makes the session
 * anonymous.
 */
export async function startMediaWiki({ port, stateDir, publicUrl }: AppOptions): Promise<App> {
  const url = `http://127.0.0.1:${port}`;
  const data = join(stateDir, "data");
  const cache = join(stateDir, "cache");
  for (const directory of [data, cache]) mkdirSync(directory, { recursive: true });
  execFileSync(
    "php",
    [
      ...[
        join(program, "maintenance/install.php"),
        "--dbtype",
        "sqlite",
        "--dbname",
        "wiki",
        "--dbpath",
        data,
      ],
      ...["--confpath", stateDir, "--server", publicUrl ?? url, "--scriptpath", "", "--skins", "Vector"],
      ...["--pass", password, "Sample", username],
    ],
    { cwd: stateDir, stdio: "pipe" },
  );
  appendFileSync(join(stateDir, "LocalSettings.php"), settings(cache));
  const configuration = { MW_CONFIG_FILE: join(stateDir, "LocalSettings.php") };
  execFileSync("php", [join(program, "maintenance/createAndPromote.php"), other.username, other.password], {
    cwd: stateDir,
    env: { ...process.env, ...configuration },
    stdio: "pipe",
  });
  const stop = await runServer({
    command: "php",
    args: ["-d", "opcache.enable_cli=1", "-S", `127.0.0.1:${port}`, "-t", program],
    cwd: stateDir,
    env: configuration,
    readyUrl: `${url}/index.php?title=Special:UserLogin`,
  });
  return {
    name: "MediaWiki",
    url,
    username,
    password,
    other,
    whoAmI: {
      // Without `assert` it names an anonymous visitor by their address.
      path: "/api.php?action=query&meta=userinfo&assert=user&format=json&formatversion=2",
      kind: "json",
      pointer: "/query/userinfo/name",
    },
    // The session; and "Keep me logged in", which makes a session out of itself.
    sessionCookies: ["wiki_session", "wikiUserID", "wikiToken"],
    login: {
      path: "/index.php?title=Special:UserLogin",
      username: "#wpName1",
      password: "#wpPassword1",
      submit: "#wpLoginAttempt",
      sentBy: "navigation",
    },
    protectedPath: "/index.php?title=Special:Preferences",
    protectedSelector: "#mw-prefs-form",
    logout: {
      path: "/index.php?title=Main_Page",
      clicks: ["#pt-logout a"],
      // A private wiki has another link than a public one.
      signedOutSelector: "#pt-login-private a",
    },
    stop,
  };
}

/** What the manual says of a private wiki, and where it may keep what it has computed. */
const settings = (cache: string) => `
$wgGroupPermissions['*']['read'] = false;
$wgGroupPermissions['*']['edit'] = false;
$wgGroupPermissions['*']['createaccount'] = false;
$wgCacheDirectory = ${JSON.stringify(cache)};
`;
