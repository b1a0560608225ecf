import type { Failure } from "../../domain/failure.ts";
import type { ImportReport } from "../../domain/service-api/import.ts";

/** A failure that occurs in HTTP, before or outside of a use case. */
export type HttpFailure =
  | { readonly ok: false; readonly reason: "malformed_request"; readonly detail?: string }
  | { readonly ok: false; readonly reason: "invalid_format"; readonly detail?: string }
  | { readonly ok: false; readonly reason: "unsupported_media_type"; readonly expected: string }
  | { readonly ok: false; readonly reason: "body_too_large" }
  /** The body of a `GET` or `HEAD` request for the site has no stated length, so the runtime can't send it. */
  | { readonly ok: false; readonly reason: "length_required" }
  | { readonly ok: false; readonly reason: "unauthenticated" }
  | { readonly ok: false; readonly reason: "invalid_api_key" }
  | { readonly ok: false; readonly reason: "cross_origin" }
  | { readonly ok: false; readonly reason: "no_such_page" }
  /** Sallyport has no such address below `BASE_PATH`. The site may have one, but the gate does not forward it. */
  | { readonly ok: false; readonly reason: "no_such_own_address"; readonly basePath: string }
  | { readonly ok: false; readonly reason: "method_not_allowed"; readonly allow: readonly string[] }
  | { readonly ok: false; readonly reason: "second_factor_required" }
  | { readonly ok: false; readonly reason: "store_unavailable" }
  | { readonly ok: false; readonly reason: "unhealthy"; readonly parts: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly reason: "unreadable_original" }
  /** Servers can read a header of the client as one that only a proxy may set. */
  | { readonly ok: false; readonly reason: "misspelled_header"; readonly name: string }
  | { readonly ok: false; readonly reason: "first_factor_unavailable" }
  /** The site's credentials in the request do not all belong to the same account (INC-23, INC-24). */
  | { readonly ok: false; readonly reason: "ambiguous_credentials" }
  /** The API key does not have this scope. */
  | { readonly ok: false; readonly reason: "scope_missing"; readonly scope: string }
  /** The request names another realm than the API key's (WB-09). */
  | { readonly ok: false; readonly reason: "no_such_realm" }
  | { readonly ok: false; readonly reason: "origin_unavailable" }
  /** A line of an import has the id of an existing user, and other data. */
  | { readonly ok: false; readonly reason: "user_differs" }
  /** D1 failed during an import. */
  | { readonly ok: false; readonly reason: "import_interrupted"; readonly report: ImportReport }
  /** The import has more lines or bytes than one request may have. */
  | { readonly ok: false; readonly reason: "import_too_large"; readonly report: ImportReport }
  | { readonly ok: false; readonly reason: "internal_error" };

/** Every failure that has a response. */
export type AnyFailure = Failure | HttpFailure;

/** Thrown by a function that cannot return its failure. `respondToError` (`failure-response.tsx`) turns it into a response. */
export class FailureError extends Error {
  override readonly name = "FailureError";
  constructor(readonly failure: AnyFailure) {
    super(failure.reason);
  }
}
