import type { Failure } from "../../domain/failure.ts";
import type { ImportReport } from "../../domain/service-api/import.ts";

/** What goes wrong before a use case is reached, or beside it. */
export type HttpFailure =
  | { readonly ok: false; readonly reason: "malformed_request"; readonly detail?: string }
  | { readonly ok: false; readonly reason: "invalid_format"; readonly detail?: string }
  | { readonly ok: false; readonly reason: "unsupported_media_type"; readonly expected: string }
  | { readonly ok: false; readonly reason: "body_too_large" }
  | { readonly ok: false; readonly reason: "unauthenticated" }
  | { readonly ok: false; readonly reason: "invalid_api_key" }
  | { readonly ok: false; readonly reason: "cross_origin" }
  | { readonly ok: false; readonly reason: "no_such_page" }
  | { readonly ok: false; readonly reason: "method_not_allowed"; readonly allow: readonly string[] }
  | { readonly ok: false; readonly reason: "second_factor_required" }
  | { readonly ok: false; readonly reason: "store_unavailable" }
  | { readonly ok: false; readonly reason: "unhealthy"; readonly parts: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly reason: "unreadable_original" }
  /** A header of the client can be read as one that only a proxy may set. */
  | { readonly ok: false; readonly reason: "misspelled_header"; readonly name: string }
  | { readonly ok: false; readonly reason: "first_factor_unavailable" }
  /** The request shows credentials of the site that do not all name the same account (INC-23, INC-24). */
  | { readonly ok: false; readonly reason: "ambiguous_credentials" }
  /** The key's scopes do not cover this. */
  | { readonly ok: false; readonly reason: "scope_missing"; readonly scope: string }
  /** Another realm than the key's (WB-09). */
  | { readonly ok: false; readonly reason: "no_such_realm" }
  | { readonly ok: false; readonly reason: "origin_unavailable" }
  /** A user is there, and is not the one that a line of an import describes. */
  | { readonly ok: false; readonly reason: "user_differs" }
  /** The store failed in the middle of an import. */
  | { readonly ok: false; readonly reason: "import_interrupted"; readonly report: ImportReport }
  /** More lines or bytes than one request takes. */
  | { readonly ok: false; readonly reason: "import_too_large"; readonly report: ImportReport }
  | { readonly ok: false; readonly reason: "internal_error" };

export type AnyFailure = Failure | HttpFailure;

/** A failure on its way out of a helper. The app turns it into a response in one place. */
export class FailureError extends Error {
  override readonly name = "FailureError";
  constructor(readonly failure: AnyFailure) {
    super(failure.reason);
  }
}
