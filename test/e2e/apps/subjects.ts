import type { App, AppOptions } from "./app.ts";
import { startFossil } from "./fossil.ts";
import { startJsreport } from "./jsreport.ts";
import { startMediaWiki } from "./mediawiki.ts";
import { startSignalK } from "./signalk.ts";
import { startSonicJs } from "./sonicjs.ts";

/** An application, and what the tests need to know of it in addition to `App`. */
export interface Subject {
  readonly start: (options: AppOptions) => Promise<App>;
  readonly vars: Record<string, string>;
  /** A protected page, and a pattern that only its content matches. */
  readonly secret: { readonly path: string; readonly marker: RegExp };
  /** Further places from which the application reads a credential, with a path that does so. */
  readonly carriers: ReadonlyArray<{
    readonly name: string;
    readonly path: string;
    readonly show: (signedIn: SignedIn) => Shown;
    readonly marker: RegExp;
  }>;
  /** Browser errors that its pages cause with and without a gate. */
  readonly noise: readonly RegExp[];
}

/** The credentials of a request in addition to the session cookie. */
export interface Shown {
  readonly query?: string;
  readonly headers?: Record<string, string>;
}

/** An account, and the value of its session cookie. */
export interface SignedIn {
  readonly session: string;
  /** Every cookie of the application. */
  readonly appCookies: Readonly<Record<string, string>>;
  readonly username: string;
  readonly password: string;
}

export const garbage: SignedIn = {
  session: "garbage",
  appCookies: {},
  username: "garbage",
  password: "garbage",
};

const users = { path: "/skServer/security/users", marker: /"userId":"alice"/ };
export const bearer = (token: string) => `Bearer ${token}`;
export const basic = ({ username, password }: SignedIn) => `Basic ${btoa(`${username}:${password}`)}`;

export const signalK: Subject = {
  start: startSignalK,
  vars: { ORIGIN_CREDENTIALS: "header:X-Authorization,query:token" },
  secret: users,
  carriers: [
    {
      name: "Authorization",
      ...users,
      show: ({ session }) => ({ headers: { Authorization: bearer(session) } }),
    },
    {
      name: "X-Authorization",
      ...users,
      show: ({ session }) => ({ headers: { "X-Authorization": bearer(session) } }),
    },
  ],
  noise: [
    /status of 401/, // Its pages send requests before the sign-in.
    /status of 404 .*\/skServer\/appstore\/available/, // The test has no app store.
    /WebSocket .* HTTP Authentication failed/, // Its script opens one before the second factor.
    /ERR_ABORTED/, // The test leaves a page while it loads.
  ],
};

export const fossil: Subject = {
  start: startFossil,
  vars: { ORIGIN_CREDENTIALS: "query:authToken" },
  secret: { path: "/setup_ulist", marker: /Administrator|setup_uedit/ },
  carriers: [
    {
      name: "?authToken=",
      path: "/json/user/list",
      show: ({ session }) => ({ query: `authToken=${session}` }),
      marker: /"name":"alice"/,
    },
  ],
  noise: [],
};

export const mediaWiki: Subject = {
  start: startMediaWiki,
  vars: {},
  secret: { path: "/index.php?title=Special:Preferences", marker: /mw-prefs-form/ },
  carriers: [],
  noise: [/deprecated ResourceLoader module/, /status of 404 .*\/favicon\.ico/],
};

const ledger = { path: "/odata/templates", marker: /"name":"Ledger"/ };

export const jsreport: Subject = {
  start: startJsreport,
  vars: {},
  secret: ledger,
  carriers: [
    { name: "Authorization", ...ledger, show: (account) => ({ headers: { Authorization: basic(account) } }) },
  ],
  noise: [/status of 404 .*\/favicon\.ico/, /ERR_ABORTED/],
};

const sonicUsers = { path: "/admin/users", marker: /admin@sonicjs\.com/ };

export const sonicJs: Subject = {
  start: startSonicJs,
  vars: {},
  secret: sonicUsers,
  carriers: [
    {
      name: "Authorization",
      ...sonicUsers,
      show: ({ session }) => ({ headers: { Authorization: bearer(session) } }),
    },
    {
      name: "Authorization without a scheme",
      ...sonicUsers,
      show: ({ session }) => ({ headers: { Authorization: session } }),
    },
  ],
  noise: [
    /unpkg\.com|cdn\.tailwindcss\.com|cdn\.jsdelivr\.net|fonts\.googleapis\.com/, // There is no other host here.
    /tailwind is not defined/,
    /status of 404/,
    /ERR_ABORTED/,
  ],
};
