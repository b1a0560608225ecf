/** Maps a path to the resource that a server other than the Worker serves for it. Null when the server responds with 400. */
export type Server = (path: string) => string | null;

const decode = (text: string): string | null => {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
};

/** RFC 3986 5.2.4, without the URL parser. */
function resolve(path: string): string {
  const kept: string[] = [];
  const segments = path.split("/").slice(1);
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === "..") kept.pop();
    if (segment !== ".." && segment !== ".") kept.push(segment);
    else if (isLast) kept.push("");
  }
  return `/${kept.join("/")}`;
}

const mergeSlashes = (path: string) => path.replace(/\/+/g, "/");
const dropParameters = (path: string) => path.replace(/;[^/]*/g, "");
const slashes = (path: string) => path.replaceAll("\\", "/");
const trimNames = (path: string) =>
  path
    .split("/")
    .map((name) => (/^\.{1,2}$/.test(name) ? name : name.replace(/[. ]+$/, "")))
    .join("/");
/** What the code pages of Windows make of wide and other marks: by `WideCharToMultiByte`, which fits as best it can. */
const bestFit = (text: string) =>
  text
    .replace(/[\uFF01-\uFF5E]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
    .replace(/[\u2044\u2215]/g, "/")
    .replace(/[\u00A5\u20A9\u2216]/g, "\\")
    .replace(/[\u2026\u00B7\u2022]/g, ".")
    .replace(/[\u00A0\u2000-\u2006\u3000]/g, " ");
const compatible = (text: string) => text.normalize("NFKC");
const then =
  (...steps: ((path: string) => string | null)[]): Server =>
  (path) =>
    steps.reduce<string | null>((text, step) => (text === null ? null : step(text)), path);

/**
 * What known servers do with a path, as an order of steps for each, independent of `core/policy/path-variants.ts`. The names are those of
 * servers with this order; versions and settings differ.
 */
export const servers: Readonly<Record<string, Server>> = {
  "one that takes it as it is": (path) => path,
  "the URL standard": (path) => URL.parse(`http://a${path}`)?.pathname ?? null,
  "the URL standard, then decoded": then((path) => URL.parse(`http://a${path}`)?.pathname ?? null, decode),
  "nginx: decode, merge slashes, resolve": then(decode, mergeSlashes, resolve),
  "Apache: resolve, decode": then(mergeSlashes, resolve, decode),
  "Tomcat: drop parameters, decode, backslashes, resolve": then(dropParameters, decode, slashes, resolve),
  "Jetty: resolve, drop parameters, decode": then(resolve, dropParameters, decode),
  "Spring: decode, drop parameters, merge slashes, resolve": then(
    decode,
    dropParameters,
    mergeSlashes,
    resolve,
  ),
  "IIS: decode, backslashes, resolve, trim names": then(decode, slashes, resolve, trimNames),
  "a file server on Windows: decode twice, trim names, resolve": then(
    decode,
    decode,
    slashes,
    trimNames,
    resolve,
  ),
  "a framework behind a proxy: resolve, decode, resolve, decode": then(resolve, decode, resolve, decode),
  "one that decodes three times": then(decode, decode, decode, mergeSlashes, resolve),
  "one that normalises what it has decoded": then(decode, compatible, slashes, resolve),
  "a program on Windows with file names in a code page": then(decode, bestFit, slashes, trimNames, resolve),
  "one that decodes, fits, and decodes again": then(decode, bestFit, decode, slashes, resolve),
  "one that decodes %u escapes where it decodes twice": then(
    decode,
    (path) =>
      path.replace(/%u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    slashes,
    resolve,
  ),
  "one that decodes UTF-8 of any length where it decodes twice": then(
    decode,
    (path) =>
      path.replace(/%c([01])%([89ab][0-9a-f])/gi, (_, upper: string, lower: string) =>
        String.fromCharCode(Number(upper) * 64 + (Number.parseInt(lower, 16) & 0x3f)),
      ),
    slashes,
    resolve,
  ),
  "one that parses what it has decoded": then(decode, (path) => path.split(/[?#]/, 1)[0] ?? "", resolve),
};

const lastName = /[^/]*$/;

/**
 * Frameworks that serve one page under several paths. On such a site, a rule for the page must hold for all these paths.
 */
export const frameworks: Readonly<Record<string, Server>> = {
  "Rails: the format at the end": then(decode, resolve, (path) =>
    path.replace(/\/$/, "").replace(/\.[^./]+$/, ""),
  ),
  "Express, not strict: a slash at the end": then(decode, (path) => path.replace(/(.)\/$/, "$1")),
  "Symfony: a front controller": then(resolve, decode, (path) =>
    path.replace(/^\/(?:index|app)\.php(?=\/)/, ""),
  ),
  "Laravel in a directory of the site": then(decode, resolve, (path) =>
    path.replace(/^.*?\/index\.php(?=\/)/, "").replace(/(.)\/$/, "$1"),
  ),
  "Apache: an index file": then(mergeSlashes, resolve, decode, (path) =>
    /^index\./.test(lastName.exec(path)?.[0] ?? "") ? path.replace(lastName, "") : path,
  ),
  "Apache with MultiViews": then(mergeSlashes, resolve, decode, (path) =>
    path.replace(/\.(?:php|html)(?=\/|$)/, ""),
  ),
  "IIS before 7.5: streams of NTFS": then(decode, slashes, resolve, (path) => path.replace(/:[^/]*/g, "")),
};

/** Returns the name of a server that reads the path as `root` or a path below it, in any case. Null when there is none. */
export function findServerThatOpens(path: string, root: string, among = servers): string | null {
  const found = Object.entries(among).find(([, server]) => {
    const resource = server(path)?.normalize("NFKC").toUpperCase().toLowerCase();
    return resource === root || resource?.startsWith(`${root}/`);
  });
  return found?.[0] ?? null;
}
