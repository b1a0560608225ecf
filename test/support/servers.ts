/** A server that is not the Worker, and which resource it takes a path for. Null: it answers 400. */
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
const then =
  (...steps: ((path: string) => string | null)[]): Server =>
  (path) =>
    steps.reduce<string | null>((text, step) => (text === null ? null : step(text)), path);

/**
 * What servers are known to do with a path, written without a look at `core/path-readings.ts`, each as one order of
 * steps. Names are those of where such an order has been seen; versions and settings differ.
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
  "one that parses what it has decoded": then(decode, (path) => path.split(/[?#]/, 1)[0] ?? "", resolve),
};

/** Does any server take the path for one at or below `root`, in whatever case? Returns which. */
export function findServerThatOpens(path: string, root: string): string | null {
  const found = Object.entries(servers).find(([, server]) => {
    const resource = server(path)?.normalize("NFKC").toUpperCase().toLowerCase();
    return resource === root || resource?.startsWith(`${root}/`);
  });
  return found?.[0] ?? null;
}
