import type { Hono } from "hono";
import type { Config } from "../config/config.ts";
import { findPolicyWarnings } from "../core/policy/policy-warnings.ts";
import { log } from "../log.ts";
import { type Bindings, getConfig, MisconfiguredError } from "../runtime.ts";
import { createApp } from "./app.ts";
import type { AppEnv } from "./context.ts";
import { securityHeaders } from "./middleware/own-headers.ts";
import { formatProblemDocument, problemContentType } from "./problem/problem.ts";

const apps = new WeakMap<Config, Hono<AppEnv>>();

/** Handles a request. With an invalid configuration it responds 500, and logs each invalid variable. */
export async function serveRequest(
  request: Request,
  env: Bindings,
  context: ExecutionContext,
): Promise<Response> {
  try {
    const config = getConfig(env);
    const app = apps.get(config) ?? startApp(config);
    return await app.fetch(request, env, context);
  } catch (error) {
    if (!(error instanceof MisconfiguredError)) throw error;
    const requestId = crypto.randomUUID();
    for (const { name, message } of error.problems) {
      log("error", "misconfigured", { request_id: requestId, variable: name, message });
    }
    return respondMisconfigured(requestId);
  }
}

/** Creates the app at the first request of an isolate, and logs warnings about the policy. */
function startApp(config: Config): Hono<AppEnv> {
  logPolicyWarnings(config);
  const app = createApp(config);
  apps.set(config, app);
  return app;
}

/** Logs rules of a valid policy that may allow more than the operator intended (INC-31). */
function logPolicyWarnings({ policy, methodOverride }: Config): void {
  const nameOf = (at: number) => `[${at}] ${policy[at]?.written.path}${policy[at]?.coversBelow ? "/*" : ""}`;
  for (const warning of findPolicyWarnings(policy, methodOverride === "drop")) {
    const request_id = crypto.randomUUID();
    if (warning.kind === "last_rule_weaker") {
      const rules = { last_rule: nameOf(warning.lastRule), stricter_rule: nameOf(warning.strictRule) };
      log("warn", "policy.last_rule_weaker", { request_id, ...rules });
    } else {
      const { rule, method, counts } = warning;
      log("warn", "policy.post_weaker", { request_id, rule: nameOf(rule), method, counts });
    }
  }
}

/** Without a configuration there is no app. The response has the form of the app's own problem documents. */
function respondMisconfigured(requestId: string): Response {
  const problem = {
    status: 500,
    code: "misconfigured",
    title: "Not configured",
    detail: "The configuration is not valid. The log names what is wrong.",
    retryAfterSeconds: null,
    limit: null,
    members: {},
    allow: null,
  } as const;
  const headers = {
    "Content-Type": problemContentType,
    "Cache-Control": "no-store",
    "X-Request-Id": requestId,
  };
  return new Response(formatProblemDocument(problem, requestId), {
    status: problem.status,
    headers: { ...Object.fromEntries(securityHeaders), ...headers },
  });
}
