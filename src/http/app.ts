import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import { methodNotAllowed } from "hono/method-not-allowed";
import { RegExpRouter } from "hono/router/reg-exp-router";
import type { Config } from "../config/config.ts";
import { isBelow, isNormalPath, parseRawPath } from "../core/parsing/raw-path.ts";
import { readOriginalRequest } from "../gate/authorize-proxied.ts";
import { createSource } from "../gate/identity/source.ts";
import { documentApi } from "./api/openapi.ts";
import { serviceOperations } from "./api/service/service-operations.ts";
import { enrolmentOperations } from "./api/visitor/enrolment-routes.ts";
import { forwardAuthOperations } from "./api/visitor/forward-auth-operations.ts";
import { secondFactorOperations } from "./api/visitor/second-factor-routes.ts";
import { sessionOperations } from "./api/visitor/session-routes.ts";
import { signInOperations } from "./api/visitor/sign-in-routes.ts";
import { deploymentOperations } from "./api/visitor/visitor-operations.ts";
import type { AppEnv } from "./context.ts";
import { cookieNames } from "./cookies.ts";
import { proxiesOnly, respondToAuthRequest, respondToForwardAuth } from "./forward-auth-routes.ts";
import { respondAtGate, respondNotFound } from "./gate.ts";
import { ownHeaders } from "./middleware/own-headers.ts";
import { type CreateSource, requestContext } from "./middleware/request-context.ts";
import { sameOrigin } from "./middleware/same-origin.ts";
import { accountPages } from "./pages/account/account-page.tsx";
import { twoFactorPages } from "./pages/account/two-factor-page.tsx";
import { assets } from "./pages/assets.ts";
import { challengePages } from "./pages/challenge/challenge-page.tsx";
import { docsPages } from "./pages/docs/docs-page.tsx";
import { secondFactorPages } from "./pages/sign-in/second-factor-page.tsx";
import { signInPages } from "./pages/sign-in/sign-in-page.tsx";
import { refuse, refuseError } from "./problem/refusal.tsx";
import { pageUrl } from "./sign-in-redirect.ts";

/** The most bytes of a JSON body (docs/contract.md#json-api). */
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
  const app = new Hono<AppEnv>({
    getPath: (request) => routePathOf(request.url, config.basePath),
    // One pattern for all routes; hono's own choice tries them one after another if there is one that does not fit in.
    router: new RegExpRouter(),
  });
  app.onError(refuseError);
  app.use(ownHeaders, requestContext(config, sourceOf));
  // Proxies ask with every request of a site: what the other routes have in front of them would find nothing to do here.
  for (const { path, handle } of doors) {
    if (config.originUrl !== null) app.use(config.basePath + path, proxiesOnly);
    app.get(config.basePath + path, handle);
  }
  app.all(config.basePath, (c) => c.redirect(pageUrl(c, "/account"), 303));
  app.route(config.basePath, ownRoutes());
  app.all("*", (c) => respondAtGate(c, config.originUrl));
  return app;
}

/**
 * The path by which a route is found: as it came, neither decoded nor resolved. A path of ours that is not in normal form
 * is no route: a proxy in front may have read another path in it, and have applied the rules of that one (INC-34).
 */
function routePathOf(url: string, basePath: string): string {
  const path = parseRawPath(url);
  // No route but the gate has this path, and the gate refuses what is ours in some reading.
  return isBelow(basePath, path) && !isNormalPath(path) ? "/" : path;
}

/** Where proxies ask about another request than the one they send. */
const forwardAuthPaths = ["/forward-auth", "/auth-request"];

const sourceOf: CreateSource = (c, now, trusted) => {
  if (c.get("config").firstFactor.kind === "password") return null;
  const { config, publicOrigin, client } = c.var;
  const url = c.var.url();
  const { address } = client;
  const { headers } = c.req.raw;
  const asksForOther = forwardAuthPaths.some((path) => c.req.path === config.basePath + path);
  const original = asksForOther ? readOriginalRequest(headers) : null;
  const path = original?.path ?? parseRawPath(c.req.url);
  const query = original === null ? url.search.slice(1) : original.uri.slice(original.path.length + 1);
  const visit = { headers, ownCookies: cookieNames, publicOrigin, address, url, path, query };
  return createSource(config, { ...visit, isForwardAuth: asksForOther, trusted, now });
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
  own.all("*", respondNotFound);
  return own;
}

const doors = forwardAuthOperations(respondToForwardAuth, respondToAuthRequest);

/** Every call of the API. What is not here is a page, an asset, or the site's. */
export const api = documentApi([
  ...deploymentOperations,
  ...signInOperations,
  ...secondFactorOperations,
  ...enrolmentOperations,
  ...sessionOperations,
  ...doors,
  ...serviceOperations,
]);

const streamed = api.operations.filter(({ streamsBody }) => streamsBody).map(({ path }) => path);

const showPages = createMiddleware<AppEnv>((c, next) => {
  c.set("face", "page");
  return next();
});
