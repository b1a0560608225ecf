/**
 * What Traefik 3.4.1 makes of the part of its dynamic configuration that `examples/traefik/dynamic.yml` uses. An option
 * that is not played here is an error.
 */
import { type IncomingMessage, request } from "node:http";
import { buffer } from "node:stream/consumers";

type Pairs = Array<[string, string]>;

type ForwardAuth = {
  address: string;
  trustForwardHeader: string;
  preserveLocationHeader: string;
  authResponseHeadersRegex: string;
  addAuthCookiesToResponse: string[];
};

type Middleware = {
  chain?: { middlewares: string[] };
  headers?: { customRequestHeaders: Record<string, string> };
  forwardAuth?: ForwardAuth;
};

/** The `http` part of a file of the file provider. */
export type TraefikFile = {
  middlewares: { [name: string]: Middleware };
  routers: { [name: string]: { rule: string; priority: string; middlewares: string[]; service: string } };
  services: {
    [name: string]: { loadBalancer: { passHostHeader: string; servers: Array<{ url: string }> } };
  };
};

export type Refused = { passed: false; status: number; headers: string[]; body: Buffer };

export type Passed = {
  passed: true;
  /** Scheme, host and port of the service. */
  server: string;
  path: string;
  headers: Pairs;
  /** The headers of the site's answer with the cookies of the authentication server's. */
  answerHeaders: (rawHeaders: string[]) => string[];
};

/** A request on its way through the middlewares. */
type Visit = { method: string; path: string; headers: Pairs; authCookies: string[]; ownCookies: string[] };

/** Finds the router of a request, and takes it through the router's middlewares to the door of its service. */
export async function judgeAsTraefik(
  file: TraefikFile,
  { method = "GET", url = "/", rawHeaders }: IncomingMessage,
): Promise<Passed | Refused> {
  const visit: Visit = {
    method,
    path: sanitisePath(url),
    headers: atEntryPoint(toPairs(rawHeaders)),
    authCookies: [],
    ownCookies: [],
  };
  const router = Object.values(file.routers)
    .sort((a, b) => Number(b.priority) - Number(a.priority))
    .find(({ rule }) => matches(rule, visit));
  if (router === undefined) return { passed: false, status: 404, headers: [], body: Buffer.alloc(0) };
  for (const name of router.middlewares) {
    const refused = await applyMiddleware(file, name, visit);
    if (refused !== null) return refused;
  }
  return toService(file, router.service, visit);
}

/**
 * Before anything looks at the path, escapes that need not be are undone (always, from 3.4.1 on); then `.`, `..` and doubled
 * slashes go (`sanitizePath`, on by default).
 */
function sanitisePath(url: string): string {
  const [, written = "/", query = ""] = /^(?:http:\/\/[^/?]*)?([^?]*)(.*)$/.exec(url) ?? [];
  const path = undoEscapes(written, /[\w.~-]/);
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  const slash = /\/$/.test(path) && kept.length > 0 ? "/" : "";
  return `${asGoWritesIt(`/${kept.join("/")}${slash}`)}${query}`;
}

/** Undoes the escapes of these characters. */
const undoEscapes = (path: string, characters: RegExp) =>
  path.replace(/%[0-7][0-9a-f]/gi, (escaped) => {
    const character = decodeURIComponent(escaped);
    return characters.test(character) ? character : escaped.toUpperCase();
  });

/** `net/url`: a path with a character that may not stand there is decoded, and every such character is escaped. */
function asGoWritesIt(path: string): string {
  if (!/[^\w.~!$&'()*+,;=:@/%[\]-]/.test(path)) return path;
  return encodeURI(decodeURIComponent(path)).replaceAll("?", "%3F").replaceAll("#", "%23");
}

/** Nobody in front of Traefik is trusted by default. */
function atEntryPoint(headers: Pairs): Pairs {
  const untrusted =
    /^(x-forwarded-(for|host|port|proto|server|uri|method|prefix|tls-client-cert.*)|x-real-ip)$/i;
  return headers.filter(([name]) => !untrusted.test(name));
}

function matches(rule: string, { path, headers }: Visit): boolean {
  // Reserved characters stay escaped (RFC 3986 2.2).
  const plainPath = undoEscapes(path.split("?", 1)[0] ?? "", /[^:/?#[\]@!$&'()*+,;=%]/);
  const host = findHeader(headers, "Host").replace(/:\d+$/, "");
  return rule.split(" && ").every((term) => {
    const [, not, matcher, value = "", pattern] = /^(!?)(\w+)\(`([^`]*)`(?:, `([^`]*)`)?\)$/.exec(term) ?? [];
    if (matcher === "HeaderRegexp" && pattern !== undefined)
      return valuesOf(headers, value).some((text) => new RegExp(pattern).test(text)) !== (not === "!");
    if (matcher === "Host") return (host === value) !== (not === "!");
    if (matcher === "Path") return (plainPath === value) !== (not === "!");
    if (matcher === "PathRegexp") return new RegExp(value).test(plainPath) !== (not === "!");
    if (matcher === "PathPrefix") return plainPath.startsWith(value) !== (not === "!");
    throw new Error(`Not played: ${term}`);
  });
}

async function applyMiddleware(file: TraefikFile, name: string, visit: Visit): Promise<Refused | null> {
  const { chain, headers, forwardAuth, ...others } = file.middlewares[name] ?? {};
  if (Object.keys(others).length > 0) throw new Error(`Not played: ${Object.keys(others)}`);
  if (headers) setHeaders(headers.customRequestHeaders, visit);
  if (forwardAuth) return askAuthServer(forwardAuth, visit);
  for (const member of chain?.middlewares ?? []) {
    const refused = await applyMiddleware(file, member, visit);
    if (refused !== null) return refused;
  }
  return null;
}

/** An empty value removes. */
function setHeaders(custom: Record<string, string>, visit: Visit): void {
  for (const [name, value] of Object.entries(custom)) {
    visit.headers = without(visit.headers, name);
    if (value !== "") visit.headers.push([name, value]);
  }
}

async function askAuthServer(options: ForwardAuth, visit: Visit): Promise<Refused | null> {
  const { address, authResponseHeadersRegex, addAuthCookiesToResponse, ...flags } = options;
  if (JSON.stringify(flags) !== '{"trustForwardHeader":"false","preserveLocationHeader":"true"}')
    throw new Error(`Not played: ${JSON.stringify(flags)}`);
  const leftOut = /^(connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-length|host)$/i;
  const headers: Pairs = [
    ["Host", new URL(address).host],
    ...visit.headers.filter(([name]) => !leftOut.test(name)),
    ["X-Forwarded-For", "127.0.0.1"],
    ["X-Forwarded-Method", visit.method],
    ["X-Forwarded-Proto", "http"],
    ["X-Forwarded-Host", findHeader(visit.headers, "Host")],
    ["X-Forwarded-Uri", visit.path],
  ];
  const answer = await get(address, headers);
  if (answer.status < 200 || answer.status >= 300) {
    const kept = toPairs(answer.rawHeaders).filter(([name]) => !leftOut.test(name));
    return { passed: false, status: answer.status, headers: kept.flat(), body: answer.body };
  }
  const pattern = new RegExp(authResponseHeadersRegex.replace("(?i)", ""), "i");
  const told = toPairs(answer.rawHeaders);
  visit.headers = visit.headers.filter(([name]) => !pattern.test(name));
  visit.headers.push(...told.filter(([name]) => pattern.test(name)));
  visit.authCookies = told.filter(([name]) => isSetCookie(name)).map(([, value]) => value);
  visit.ownCookies = addAuthCookiesToResponse;
  return null;
}

async function get(
  url: string,
  headers: Pairs,
): Promise<{ status: number; rawHeaders: string[]; body: Buffer }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { headers: headers.flat() }).once("response", resolve).once("error", reject).end();
  });
  return {
    status: response.statusCode ?? 0,
    rawHeaders: response.rawHeaders,
    body: await buffer(response),
  };
}

function toService(file: TraefikFile, name: string, visit: Visit): Passed {
  const loadBalancer = file.services[name]?.loadBalancer;
  const base = loadBalancer?.servers[0]?.url;
  if (loadBalancer === undefined || base === undefined) throw new Error(`No service ${name}`);
  const host = findHeader(visit.headers, "Host");
  const onward: Pairs = [
    ["Host", loadBalancer.passHostHeader === "true" ? host : new URL(base).host],
    ...withoutHopByHop(without(visit.headers, "Host")),
    ["X-Forwarded-For", "127.0.0.1"],
    ["X-Forwarded-Host", host],
    ["X-Forwarded-Proto", "http"],
  ];
  const answerHeaders = (raw: string[]) => addCookies(toPairs(raw), visit).flat();
  return { passed: true, server: base, path: visit.path, headers: onward, answerHeaders };
}

/**
 * As Go's `httputil.ReverseProxy`: what `Connection` names goes, and so does `Upgrade`, unless `Connection` asks for it.
 * Any protocol may be asked for.
 */
function withoutHopByHop(headers: Pairs): Pairs {
  const named = valuesOf(headers, "Connection").flatMap((value) => value.toLowerCase().split(/ *, */));
  const protocol = named.includes("upgrade") ? findHeader(headers, "Upgrade") : "";
  const dropped = [...named, ...hopByHop];
  const kept = headers.filter(([name]) => !dropped.includes(name.toLowerCase()));
  return protocol === "" ? kept : [...kept, ["Connection", "Upgrade"], ["Upgrade", protocol]];
}

const hopByHop = [
  "connection",
  "proxy-connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

function addCookies(answered: Pairs, { authCookies, ownCookies }: Visit): Pairs {
  const isOwn = (cookie: string) => ownCookies.some((name) => cookie.startsWith(`${name}=`));
  if (authCookies.length === 0) return answered;
  const site = answered.filter(([name, value]) => !(isSetCookie(name) && isOwn(value)));
  return [...site, ...authCookies.filter(isOwn).map((cookie): [string, string] => ["Set-Cookie", cookie])];
}

const isSetCookie = (name: string) => name.toLowerCase() === "set-cookie";

function toPairs(rawHeaders: string[]): Pairs {
  return rawHeaders.flatMap((name, i): Pairs => (i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? ""]] : []));
}

function findHeader(headers: Pairs, wanted: string): string {
  return headers.find(([name]) => name.toLowerCase() === wanted.toLowerCase())?.[1] ?? "";
}

function valuesOf(headers: Pairs, wanted: string): string[] {
  return headers.filter(([name]) => name.toLowerCase() === wanted.toLowerCase()).map(([, value]) => value);
}

function without(headers: Pairs, unwanted: string): Pairs {
  return headers.filter(([name]) => name.toLowerCase() !== unwanted.toLowerCase());
}
