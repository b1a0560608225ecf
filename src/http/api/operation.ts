import type { ContentfulStatusCode } from "hono/utils/http-status";
import type * as z from "zod/mini";
import { type Scope, scopes } from "../../domain/service-api/service-caller.ts";
import type { AppContext } from "../context.ts";
import type { AnyFailure } from "../problem/http-failure.ts";

export type OperationMethod = "get" | "post" | "put" | "delete";

/**
 * Which callers an operation is for: every client (`public`); every client, with other results for a signed-in visitor
 * (`visitor`); a visitor with a full session (`session`); with a pending session, whose token is in the body or a cookie
 * (`pending_session`); with either (`any_session`); or an API key with this scope.
 */
export type OperationAccess = "public" | "visitor" | "session" | "pending_session" | "any_session" | Scope;

/** True for the access of the service API. */
export const isApiKeyScope = (access: OperationAccess): access is Scope =>
  (scopes as readonly string[]).includes(access);

/** A successful response, as the OpenAPI document describes it. */
export interface DocumentedSuccess {
  readonly status: ContentfulStatusCode;
  readonly description: string;
  /** The schema of the whole body. Null: the response has no body, or one that is not JSON. */
  readonly schema: (() => z.ZodMiniType) | null;
  /** The media type of the response. JSON by default. */
  readonly mediaType?: string;
  readonly example?: unknown;
  /** Descriptions of the headers that not every response has, by name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * One operation of the API: its handler, and what the OpenAPI document says about it. Schemas are functions, because
 * creating all of them takes longer than the rest of an isolate's start. `defineOperation` creates one.
 */
export interface Operation {
  /** Unique; also the `operationId`, which names the method in generated clients. */
  readonly id: string;
  readonly method: OperationMethod;
  /** The path below `BASE_PATH`, with `:name` for a parameter. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly access: OperationAccess;
  /** Descriptions of the request headers, by name. None of them is required. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: () => z.ZodMiniType;
  readonly body?: () => z.ZodMiniType;
  /** The media type of the request. JSON by default. */
  readonly bodyType?: string;
  readonly bodyExample?: unknown;
  /** The body that is a stream. The handler limits the size of a streamed request itself. */
  readonly stream?: "request" | "response";
  /** True: the operation takes an `Idempotency-Key`. */
  readonly repeatable?: boolean;
  readonly successes: readonly DocumentedSuccess[];
  /** The reasons of failures that the access, the method and the schemas do not imply. */
  readonly failures: readonly AnyFailure["reason"][];
  /** Failures that this operation sends with another status than their own. */
  readonly refusals?: {
    readonly status: ContentfulStatusCode;
    readonly reasons: readonly AnyFailure["reason"][];
  };
  readonly handle: (c: AppContext) => Response | Promise<Response>;
}
