import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import { methodNotAllowed } from "hono/method-not-allowed";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { getPath } from "hono/utils/url";
import type { Config } from "../config.ts";
import type { Refusal } from "../domain/access.ts";
import { judgeForwardAuth, type ProxiedVisitor, readOriginalRequest } from "../gate/forward-auth.ts";
import type { Vouched } from "../gate/headers.ts";
import { createSource } from "../gate/identity/source.ts";
import type { UnreadablePart } from "../gate/judge.ts";
import { type GateOutcome, passGate } from "../gate/proxy.ts";
import { describeError, log } from "../log.ts";
import { enrolmentOperations } from "./api/enrolment.ts";
import { forwardAuthOperations } from "./api/forward-auth.ts";
import { documentApi } from "./api/openapi.ts";
import { deploymentOperations } from "./api/operations.ts";
import { secondFactorOperations } from "./api/second-factor.ts";
import { sessionOperations } from "./api/sessions.ts";
import { signInOperations } from "./api/sign-in.ts";
import { backendOperations } from "./api/v1/operations.ts";
import { type Caller, findVisitor } from "./caller.ts";
import type { AppContext, AppEnv } from "./context.ts";
import { cookieNames, setSessionCookie } from "./cookies.ts";
import {
  acceptsHtml,
  answerRefusal,
  helpfulPage,
  isPageLoad,
  pageUrl,
  type Wanted,
  wantedOf,
} from "./entry.ts";
import { emptyAnswer, ownHeaders } from "./middleware/own-headers.ts";
import { type CreateSource, requestContext } from "./middleware/request-context.ts";
import { sameOrigin } from "./middleware/same-origin.ts";
import { accountPages } from "./pages/account.tsx";
import { assets } from "./pages/assets.ts";
import { challengePages } from "./pages/challenge.tsx";
import { docsPages } from "./pages/docs.tsx";
import { secondFactorPages } from "./pages/second-factor.tsx";
import { signInPages } from "./pages/sign-in.tsx";
import { twoFactorPages } from "./pages/two-factor.tsx";
import { refuse, refuseError } from "./refusal.tsx";

/** SPEC "JSON API". */
const longestBodyBytes = 16 * 1024;

/** Where people look. Everything else under `BASE_PATH` is for programs, and answers in JSON whatever happens. */
const pagePaths = [
  "/sign-in",
  "/sign-out",
  "/second-factor",
  "/account",
  "/account/*",
  "/challenge/*",
  "/docs",
];

/** The route table: what is the Worker's own under `BASE_PATH`, and the origin behind everything else. */
export function createApp(config: Config): Hono<AppEnv> {
  // The runtime hands over a path as it came; the gate judges and forwards it with its dot segments resolved.
  const app = new Hono<AppEnv>({
    getPath: (request) =>
      getPath(isPlain(request.url) ? request : ({ url: new URL(request.url).href } as Request)),
    // One pattern for all routes; hono's own choice tries them one after another if there is one that does not fit in.
    router: new RegExpRouter(),
  });
  app.onError(refuseError);
  app.use(requestContext(config, sourceOf), ownHeaders);
  // Proxies ask with every request of a site: what the other routes have in front of them would find nothing to do here.
  for (const { path, handle } of doors) app.get(config.basePath + path, handle);
  app.all(config.basePath, (c) => c.redirect(pageUrl(c, "/account"), 303));
  app.route(config.basePath, ownRoutes());
  app.all("*", (c) => answerAtGate(c, config.originUrl));
  return app;
}

/** Has the address nothing in it that a parser of addresses would resolve? */
const isPlain = (url: string) => !/\/\.|\\|%2e/i.test(url);

/** Where proxies ask about another request than the one they send. */
const forwardAuthPaths = ["/forward-auth", "/auth-request"];

const sourceOf: CreateSource = (c, now, trusted) => {
  if (c.get("config").firstFactor.kind === "password") return null;
  const { config, publicOrigin, client } = c.var;
  const url = c.var.url();
  const { address } = client;
  const { headers } = c.req.raw;
  const asksForOther = forwardAuthPaths.some((path) => url.pathname === config.basePath + path);
  const uri = asksForOther ? readOriginalRequest(headers)?.uri : undefined;
  const query = uri === undefined ? url.searchParams : new URLSearchParams(uri.split("?").slice(1).join("?"));
  const visit = { headers, ownCookies: cookieNames, publicOrigin, address, url, query };
  return createSource(config, { ...visit, trusted, now });
};

const shortBody = bodyLimit({
  maxSize: longestBodyBytes,
  onError: (c) => refuse(c, { ok: false, reason: "body_too_large" }),
});

/** A call that reads a stream sees to its size itself: this would hold it. */
const limitBody = createMiddleware<AppEnv>((c, next) => {
  const path = c.req.path.slice(c.var.config.basePath.length);
  return streamed.includes(path) ? next() : shortBody(c, next);
});

function ownRoutes(): Hono<AppEnv> {
  const own = new Hono<AppEnv>();
  for (const path of pagePaths) own.use(path, showPages);
  own.use(
    methodNotAllowed({
      app: own,
      onMethodNotAllowed: (c, allow) => refuse(c, { ok: false, reason: "method_not_allowed", allow }),
    }),
    limitBody,
    sameOrigin,
  );
  for (const { method, path, handle } of api.operations) own.on(method.toUpperCase(), path, handle);
  for (const pages of [assets, signInPages, secondFactorPages, twoFactorPages, challengePages, accountPages])
    own.route("/", pages);
  own.route("/", docsPages(api.documentFor));
  own.all("*", answerNothing);
  return own;
}

const doors = forwardAuthOperations(answerForwardAuth, answerAuthRequest);

/** Every call of the API. What is not here is a page, an asset, or the site's. */
export const api = documentApi([
  ...deploymentOperations,
  ...signInOperations,
  ...secondFactorOperations,
  ...enrolmentOperations,
  ...sessionOperations,
  ...doors,
  ...backendOperations,
]);

const streamed = api.operations.filter(({ streamsBody }) => streamsBody).map(({ path }) => path);

const showPages = createMiddleware<AppEnv>((c, next) => {
  c.set("face", "page");
  return next();
});

function answerNothing(c: AppContext): Response {
  if (acceptsHtml(c)) c.set("face", "page");
  return refuse(c, { ok: false, reason: "no_such_page" });
}

async function answerAtGate(c: AppContext, originUrl: string | null): Promise<Response> {
  if (acceptsHtml(c)) c.set("face", "page");
  if (originUrl === null) return refuse(c, { ok: false, reason: "no_such_page" });
  const wanted = wantedOf(c);
  const caller = await findVisitor(c);
  const outcome = await passGate(c.get("deps"), originUrl, {
    ...passengerOf(c, caller, wanted),
    request: c.req.raw,
    url: c.get("url")(),
    ownAuthorization: caller?.carrier === "bearer",
    ownCookies: cookieNames,
    publicOrigin: c.get("publicOrigin"),
  });
  switch (outcome.kind) {
    case "forwarded":
      return handBack(c, outcome, caller);
    case "refused":
      return answerRefusal(c, outcome.refusal, wanted);
    case "cross_origin":
      return refuse(c, { ok: false, reason: "cross_origin" });
    case "unreadable":
      return refuse(c, { ok: false, reason: "malformed_request", detail: unreadable[outcome.part] });
    case "origin_unavailable":
      log("error", "origin.unavailable", {
        request_id: c.var.client.requestId,
        ...describeError(outcome.error),
      });
      return refuse(c, { ok: false, reason: "origin_unavailable" });
  }
}

const unreadable: Record<UnreadablePart, string> = {
  path: "The path can't be read.",
  destination: "The header Destination can't be read, or names another host.",
  method_override: "The request names too many methods.",
};

function passengerOf(c: AppContext, caller: Caller | null, wanted: Wanted): ProxiedVisitor {
  const source = c.get("source");
  return {
    session: caller?.session ?? null,
    source,
    // Whether a visit may open a session is asked only where a first factor comes with it.
    keepsCookies: source !== null && isPageLoad(c, wanted),
    client: c.get("client"),
    now: c.get("now"),
  };
}

/** The origin's answer as it is, but for a renewed session in its cookie. */
function handBack(
  c: AppContext,
  { response, renewed }: Extract<GateOutcome, { kind: "forwarded" }>,
  caller: Caller | null,
): Response {
  c.set("dressedBy", "origin");
  // Headers that are set before there is a response are lost when a handler returns one of its own.
  c.res = response;
  if (renewed !== null && caller?.carrier !== "bearer" && response.webSocket === null)
    setSessionCookie(c, renewed);
  return c.res;
}

/** `/forward-auth` for Caddy and Traefik, which hand a refusal on to the visitor as it is. */
function answerForwardAuth(c: AppContext): Promise<Response> {
  return judgeForProxy(c, (refusal, wanted) => answerRefusal(c, refusal, wanted));
}

/** `/auth-request` for nginx and HAProxy, which know 200, 401 and 403 only, and make their redirect themselves. */
async function answerAuthRequest(c: AppContext): Promise<Response> {
  try {
    return await judgeForProxy(c, (refusal, wanted) => {
      if (refusal.reason === "account_disabled") return refuse(c, { ok: false, reason: "account_disabled" });
      c.header("Location", helpfulPage(c, refusal, wanted.uri));
      return c.body(null, 401);
    });
  } catch (error) {
    const refused = refuseError(error as Error, c);
    return new Response(refused.body, { status: 403, headers: refused.headers });
  }
}

async function judgeForProxy(
  c: AppContext,
  answer: (refusal: Refusal, wanted: Wanted) => Response,
): Promise<Response> {
  const original = readOriginalRequest(c.req.raw.headers);
  if (original === null) return refuse(c, { ok: false, reason: "unreadable_original" });
  if (acceptsHtml(c)) c.set("face", "page");
  const caller = await findVisitor(c);
  const passenger = passengerOf(c, caller, original);
  const { headers } = c.req.raw;
  const outcome = await judgeForwardAuth(c.get("deps"), original, passenger, headers, c.get("publicOrigin"));
  switch (outcome.kind) {
    case "unreadable":
      return refuse(c, { ok: false, reason: "unreadable_original" });
    case "refused":
      return answer(outcome.refusal, original);
    case "passed":
      c.set("dressedBy", "door");
      c.res = answerPassed(outcome.vouched);
      if (outcome.passage.renewed !== null && caller?.carrier !== "bearer")
        setSessionCookie(c, outcome.passage.renewed);
      return c.res;
  }
}

/** Answers to proxies, as long as what they say may be said again: the runtime copies headers faster than it takes them from here. */
const answers = new WeakMap<Vouched, Response>();

/** Always all headers: a proxy that copies one which is not there may leave the client's own in its place. */
function answerPassed(vouched: Vouched | null): Response {
  const said = vouched === null ? undefined : answers.get(vouched);
  if (said !== undefined) return new Response(null, said);
  const answer = emptyAnswer();
  answer.headers.set("Remote-User", vouched?.identity.username ?? "");
  answer.headers.set("Remote-Email", vouched?.identity.email ?? "");
  answer.headers.set("X-Sallyport-Assertion", vouched?.assertion ?? "");
  if (vouched !== null) answers.set(vouched, new Response(null, answer));
  return answer;
}
