import { respondToAuthRequest, respondToForwardAuth } from "../../forward-auth-routes.ts";
import type { AnyFailure } from "../../problem/http-failure.ts";
import type { DocumentedSuccess, Operation } from "../operation.ts";

const proxyHeaders = {
  "X-Sallyport-Proxy-Key": "PROXY_KEY. Needed where ORIGIN_URL is set; without it the answer is 404",
  "X-Forwarded-Host": "The host that the visitor asked for. With the key, the assertion names it",
  "X-Forwarded-Method": "Method of the original request",
  "X-Forwarded-Uri": "Its path and query",
  "X-Original-Method": "The same, for proxies that say it so",
  "X-Original-URL": "Its path and query, or its whole address",
};
const passes: DocumentedSuccess = {
  status: 200,
  description: "The request may pass; the headers say whose it is, and are empty for nobody",
  schema: null,
  headers: {
    "Remote-User": "The user's name",
    "Remote-Email": "The user's e-mail address",
    "X-Sallyport-Assertion":
      "A JWT (EdDSA) for one minute: who it is, what was shown (acr, amr), and for which host, path and methods it was judged",
    "Set-Cookie": "The session's cookie, renewed: hand it on to the visitor",
  },
};
const helps = { Location: "The page that helps" };
const shared = {
  method: "get",
  tag: "Forward-auth",
  access: "visitor",
  headers: proxyHeaders,
} as const;

const failures: readonly AnyFailure["reason"][] = [
  "unreadable_original",
  "misspelled_header",
  "account_disabled",
  "cross_origin",
  "no_such_page",
];

/**
 * Access decisions for a proxy about the request that it names. `defineOperation` does not create them: the response comes
 * from the gate, and its status and headers depend on the proxy.
 */
export const forwardAuthOperations: readonly Operation[] = [
  {
    ...shared,
    id: "forwardAuth",
    path: "/forward-auth",
    summary: "May this request pass? For Caddy and Traefik",
    description:
      "The answer to a refusal is handed on to the visitor: a page load is sent to the page that helps, anything else gets a problem that names it in sign_in. With Accept: text/html a problem is a page. 404: the path is Sallyport's own in some reading, or the question is not for this caller.",
    successes: [
      passes,
      { status: 303, description: "A page load that may not pass yet", schema: null, headers: helps },
    ],
    failures: [...failures, "store_unavailable", "first_factor_unavailable", "ambiguous_credentials"],
    refusals: {
      status: 401,
      reasons: ["unauthenticated", "session_over", "second_factor_required", "step_up_required"],
    },
    handle: respondToForwardAuth,
  },
  {
    ...shared,
    id: "authRequest",
    path: "/auth-request",
    summary: "May this request pass? For nginx and HAProxy, which know 200, 401 and 403 only",
    successes: [passes, { status: 401, description: "It may not pass yet", schema: null, headers: helps }],
    failures,
    refusals: {
      status: 403,
      reasons: ["store_unavailable", "first_factor_unavailable", "ambiguous_credentials"],
    },
    handle: respondToAuthRequest,
  },
];
