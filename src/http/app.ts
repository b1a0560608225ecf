import { Hono } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { RegExpRouter } from "hono/router/reg-exp-router";
import type { Config } from "../config/config.ts";
import { withOpenApiDocumentOperation } from "./api/openapi.ts";
import { serviceOperations } from "./api/service/service-operations.ts";
import { deploymentOperations } from "./api/visitor/deployment-operations.ts";
import { forwardAuthOperations } from "./api/visitor/forward-auth-operations.ts";
import { stepUpAndBackupCodeOperations } from "./api/visitor/own-second-factor-operations.ts";
import { ownSessionOperations } from "./api/visitor/own-session-operations.ts";
import { enableAndDisableOwnTotpOperations } from "./api/visitor/own-totp-operations.ts";
import { signInOperations } from "./api/visitor/sign-in-operations.ts";
import type { AppEnv } from "./context.ts";
import { respondNotFoundWithoutProxyKey } from "./forward-auth-routes.ts";
import { respondAtGate } from "./gate.ts";
import { limitBodySize } from "./middleware/limit-body.ts";
import { setOwnResponseHeaders } from "./middleware/own-headers.ts";
import { setErrorFormatToPage } from "./middleware/page-refusals.ts";
import { createRequestContextMiddleware } from "./middleware/request-context.ts";
import { requireSameOrigin } from "./middleware/same-origin.ts";
import { redirectTrailingSlash } from "./middleware/trailing-slash.ts";
import { respondNotFound } from "./not-found.ts";
import { accountPageRoutes } from "./pages/account/account-page.tsx";
import { twoFactorPageRoutes } from "./pages/account/two-factor-page.tsx";
import { assetRoutes } from "./pages/assets.ts";
import { challengeAddressRoutes } from "./pages/challenge/challenge-page.tsx";
import { createDocsPageRoute } from "./pages/docs/docs-page.tsx";
import { secondFactorPageRoutes } from "./pages/sign-in/second-factor-page.tsx";
import { signInPageRoutes } from "./pages/sign-in/sign-in-page.tsx";
import { respondToError, respondWithFailure } from "./problem/failure-response.tsx";
import { rawPathOrSlashIfDotOrEmptySegments } from "./route-path.ts";
import { ownPagePath } from "./sign-in-redirect.ts";

/** Every operation of the API, and their OpenAPI document. */
export const apiOperationsAndDocument = withOpenApiDocumentOperation([
  ...deploymentOperations,
  ...signInOperations,
  ...stepUpAndBackupCodeOperations,
  ...enableAndDisableOwnTotpOperations,
  ...ownSessionOperations,
  ...forwardAuthOperations,
  ...serviceOperations,
]);

const pages = [
  assetRoutes,
  signInPageRoutes,
  secondFactorPageRoutes,
  twoFactorPageRoutes,
  challengeAddressRoutes,
  accountPageRoutes,
];

/** Paths whose refusals are pages. All other routes below `BASE_PATH` refuse with a problem document. */
const pagePaths = [
  "/sign-in",
  "/sign-out",
  "/second-factor",
  "/account",
  "/account/*",
  "/challenge/*",
  "/docs",
];

/** The route table: Sallyport's own routes below `BASE_PATH`, and the gate for all other paths. */
export function createApp(config: Config): Hono<AppEnv> {
  const app = new Hono<AppEnv>({
    getPath: (request) => rawPathOrSlashIfDotOrEmptySegments(request.url, config.basePath),
    // Explicit: hono's default falls back to a slower router, without an error, if a route does not fit into this one.
    router: new RegExpRouter(),
  });
  app.onError(respondToError);
  app.use(setOwnResponseHeaders, createRequestContextMiddleware(config));
  // Before the middleware of the other routes, which has no effect on them: a proxy calls these with each request of a site.
  for (const { path, handle } of forwardAuthOperations) {
    if (config.originUrl !== null) app.use(config.basePath + path, respondNotFoundWithoutProxyKey);
    app.get(config.basePath + path, handle);
  }
  app.all(config.basePath, (c) => c.redirect(ownPagePath(c, "/account"), 303));
  app.route(config.basePath, ownRoutes());
  app.all("*", (c) => respondAtGate(c, config.originUrl));
  return app;
}

function ownRoutes(): Hono<AppEnv> {
  const own = new Hono<AppEnv>();
  const streamed = apiOperationsAndDocument.operations.filter(({ stream }) => stream === "request");
  for (const path of pagePaths) own.use(path, setErrorFormatToPage);
  own.use(
    redirectTrailingSlash,
    methodNotAllowed({
      app: own,
      onMethodNotAllowed: (c, allow) =>
        respondWithFailure(c, { ok: false, reason: "method_not_allowed", allow }),
    }),
    limitBodySize(streamed.map(({ path }) => path)),
    requireSameOrigin,
  );
  for (const { method, path, handle } of apiOperationsAndDocument.operations)
    own.on(method.toUpperCase(), path, handle);
  for (const routes of pages) own.route("/", routes);
  own.route("/", createDocsPageRoute(apiOperationsAndDocument.documentFor));
  own.all("*", respondNotFound);
  return own;
}
