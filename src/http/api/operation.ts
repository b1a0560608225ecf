import type { ContentfulStatusCode } from "hono/utils/http-status";
import type * as z from "zod/mini";
import type { Scope } from "../../domain/service-api/service-caller.ts";
import type { AppContext } from "../context.ts";
import type { AnyFailure } from "../problem/http-failure.ts";

export type Method = "get" | "post" | "put" | "delete";

/** Who may call: anybody (who may have signed in), who has signed in (or is about to), or an API key with a scope. */
export type Access = "anybody" | "visitor" | "session" | "pending_session" | Scope;

/** How a call is answered when all is well. */
export interface Success {
  readonly status: ContentfulStatusCode;
  readonly description: string;
  /** Of the whole body. Null: there is none, or it is not JSON. */
  readonly schema: (() => z.ZodMiniType) | null;
  /** JSON by default. */
  readonly mediaType?: string;
  readonly example?: unknown;
  /** Headers beside those of every answer, by name, with what they say. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * One call of the API: how it is done, and all that the OpenAPI document says of it. Its schemas are made when somebody
 * calls or reads the document: together they take longer than all the rest of an isolate's start.
 */
export interface Operation {
  /** Unique; also the name of the method in generated clients. */
  readonly id: string;
  readonly method: Method;
  /** Under `BASE_PATH`, with `:name` for a parameter. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly access: Access;
  /** Headers of the request, by name, with what they say. None of them is required. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: () => z.ZodMiniType;
  readonly body?: () => z.ZodMiniType;
  /** JSON by default. */
  readonly bodyType?: string;
  readonly bodyExample?: unknown;
  /** Reads its body as a stream, and sees to its size itself. */
  readonly streamsBody?: true;
  /** Takes an `Idempotency-Key`. */
  readonly repeatable?: boolean;
  readonly successes: readonly Success[];
  /** Beside those that any call of its kind may meet. */
  readonly failures: readonly AnyFailure["reason"][];
  /** Failures that this call answers with another status than their own. */
  readonly refusals?: {
    readonly status: ContentfulStatusCode;
    readonly reasons: readonly AnyFailure["reason"][];
  };
  readonly handle: (c: AppContext) => Response | Promise<Response>;
}
