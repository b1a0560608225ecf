import { respondToAuthRequest, respondToForwardAuth } from "../../forward-auth-routes.ts";
import type { AnyFailure } from "../../problem/http-failure.ts";
import type { DocumentedSuccess, Operation } from "../operation.ts";

const proxyHeaders = {
  "X-Sallyport-Proxy-Key": "PROXY_KEY. Required if ORIGIN_URL is set; without it the response is 404",
  "X-Forwarded-Host": "The host of the original request. With the key, the assertion names it",
  "X-Forwarded-Method": "The method of the original request",
  "X-Forwarded-Uri": "The path and query of the original request",
  "X-Original-Method": "The method of the original request, for proxies that use this name",
  "X-Original-URL": "The path and query of the original request, or its URL",
};
const allowed: DocumentedSuccess = {
  status: 200,
  description:
    "The request is allowed. The headers identify the user, and are empty for an anonymous visitor",
  schema: null,
  headers: {
    "Remote-User": "The user's name",
    "Remote-Email": "The user's e-mail address",
    "X-Sallyport-Assertion":
      "A JWT (EdDSA), valid for one minute: the user, the factors (acr, amr), and the host, path and methods that it is valid for",
    "Set-Cookie": "The renewed session cookie: send it on to the visitor",
  },
};
const nextPage = { Location: "The page on which the visitor can continue" };
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
  "no_such_own_address",
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
    summary: "Decide whether a request is allowed. For Caddy and Traefik",
    description:
      "The proxy passes every response except 200 on to the visitor. A page load is redirected to the page on which the visitor can continue. Any other request gets a problem that names this page in sign_in. Another error of a page load is a page. 404: the path can be read as one of Sallyport's own, or PROXY_KEY is required and missing.",
    successes: [
      allowed,
      { status: 303, description: "A page load that is not allowed yet", schema: null, headers: nextPage },
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
    summary: "Decide whether a request is allowed. For nginx and HAProxy, which accept only 200, 401 and 403",
    successes: [
      allowed,
      { status: 401, description: "The request is not allowed yet", schema: null, headers: nextPage },
    ],
    failures,
    refusals: {
      status: 403,
      reasons: ["store_unavailable", "first_factor_unavailable", "ambiguous_credentials"],
    },
    handle: respondToAuthRequest,
  },
];
