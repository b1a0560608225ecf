import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { createMiddleware } from "hono/factory";
import { methodNotAllowed } from "hono/method-not-allowed";
import { getPath } from "hono/utils/url";
import type { Config } from "../config.ts";
import { type GateOutcome, passGate } from "../gate/proxy.ts";
import { describeError, log } from "../log.ts";
import { operationsApi } from "./api/operations.ts";
import { secondFactorApi } from "./api/second-factor.ts";
import { sessionsApi } from "./api/sessions.ts";
import { signInApi } from "./api/sign-in.ts";
import { usersApi } from "./api/users.ts";
import { type Caller, findVisitor } from "./caller.ts";
import type { AppContext, AppEnv } from "./context.ts";
import { cookieNames, setSessionCookie } from "./cookies.ts";
import { acceptsHtml, answerRefusal, pageUrl } from "./entry.ts";
import { ownHeaders } from "./middleware/own-headers.ts";
import { requestContext } from "./middleware/request-context.ts";
import { sameOrigin } from "./middleware/same-origin.ts";
import { accountPages } from "./pages/account.tsx";
import { assets } from "./pages/assets.ts";
import { secondFactorPages } from "./pages/second-factor.tsx";
import { signInPages } from "./pages/sign-in.tsx";
import { twoFactorPages } from "./pages/two-factor.tsx";
import { refuse, refuseError } from "./refusal.tsx";

/** SPEC "JSON API". */
const longestBodyBytes = 16 * 1024;

/** Where people look. Everything else under `BASE_PATH` is for programs, and answers in JSON whatever happens. */
const pagePaths = ["/sign-in", "/sign-out", "/second-factor", "/account", "/account/*"];

/** The route table: what is the Worker's own under `BASE_PATH`, and the origin behind everything else. */
export function createApp(config: Config): Hono<AppEnv> {
  // The runtime hands over a path as it came; the gate judges and forwards it with its dot segments resolved.
  const app = new Hono<AppEnv>({
    getPath: (request) => getPath({ url: new URL(request.url).href } as Request),
  });
  app.onError(refuseError);
  app.use(requestContext(config), ownHeaders);
  app.all(config.basePath, (c) => c.redirect(pageUrl(c, "/account"), 303));
  app.route(config.basePath, ownRoutes());
  app.all("*", (c) => answerAtGate(c, config.originUrl));
  return app;
}

function ownRoutes(): Hono<AppEnv> {
  const own = new Hono<AppEnv>();
  for (const path of pagePaths) own.use(path, showPages);
  own.use(
    methodNotAllowed({
      app: own,
      onMethodNotAllowed: (c, allow) => refuse(c, { ok: false, reason: "method_not_allowed", allow }),
    }),
    bodyLimit({
      maxSize: longestBodyBytes,
      onError: (c) => refuse(c, { ok: false, reason: "body_too_large" }),
    }),
    sameOrigin,
  );
  for (const api of [operationsApi, signInApi, secondFactorApi, sessionsApi, usersApi]) own.route("/", api);
  for (const pages of [assets, signInPages, secondFactorPages, twoFactorPages, accountPages])
    own.route("/", pages);
  own.all("*", answerNothing);
  return own;
}

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
  const caller = await findVisitor(c);
  const outcome = await passGate(c.var.deps, originUrl, {
    request: c.req.raw,
    session: caller?.session ?? null,
    ownAuthorization: caller?.carrier === "bearer",
    address: c.var.client.address,
    ownCookies: cookieNames,
    now: c.var.now,
  });
  switch (outcome.kind) {
    case "forwarded":
      return handBack(c, outcome, caller);
    case "refused":
      return answerRefusal(c, outcome.refusal);
    case "cross_origin":
      return refuse(c, { ok: false, reason: "cross_origin" });
    case "unreadable_path":
      return refuse(c, { ok: false, reason: "malformed_request", detail: "The path can't be read." });
    case "origin_unavailable":
      log("error", "origin.unavailable", {
        request_id: c.var.client.requestId,
        ...describeError(outcome.error),
      });
      return refuse(c, { ok: false, reason: "origin_unavailable" });
  }
}

/** The origin's answer as it is, but for a renewed session in its cookie. */
function handBack(
  c: AppContext,
  { response, renewed }: Extract<GateOutcome, { kind: "forwarded" }>,
  caller: Caller | null,
): Response {
  c.set("forwarded", true);
  // Headers that are set before there is a response are lost when a handler returns one of its own.
  c.res = response;
  if (renewed !== null && caller?.carrier === "cookie" && response.webSocket === null)
    setSessionCookie(c, renewed);
  return c.res;
}
