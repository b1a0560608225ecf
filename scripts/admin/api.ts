import * as z from "zod/mini";
import { type Problem, ServerRefusal, Unreachable } from "./failure.ts";
import { type FoundKey, localUrl } from "./settings.ts";
import { unlessAborted } from "./waiting.ts";

/** One call of the service API. */
export interface Call {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Relative to the base address. {@link pathPart} encodes every variable segment. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Lines of JSON, instead of `body`. */
  readonly lines?: Uint8Array<ArrayBuffer>;
  /** The time limit for the start of the response. */
  readonly withinSeconds?: number;
  /** Set when the call needs or may need `EXPORT_KEY`, which is sent with no other call. */
  readonly exportKey?: "needed" | "may_be_needed";
}

/** Returns `EXPORT_KEY`. */
export interface ExportKeySource {
  readonly find: () => FoundKey | null;
  /** Prompts for the key. Null when there is no terminal. */
  readonly ask: (() => Promise<FoundKey>) | null;
}

const responseTimeoutSeconds = 30;

const problem = z.looseObject({
  status: z.number(),
  code: z.string(),
  detail: z.string(),
  request_id: z.optional(z.string()),
});
const headers = { Accept: "application/json", "User-Agent": "sallyport-admin" };

function contentOf({ body, lines }: Pick<Call, "body" | "lines">): Pick<RequestInit, "body"> & {
  headers: Record<string, string>;
} {
  if (lines !== undefined) return { body: lines, headers: { "Content-Type": "application/x-ndjson" } };
  if (body === undefined) return { headers: {} };
  return { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
}

const success = z.object({ status: z.literal("success"), data: z.unknown() });

/** Encodes a name as one segment of a path. */
export const pathPart = (name: string): string => encodeURIComponent(name);

/** A client of the service API of one deployment. */
export class Api {
  readonly url: URL;
  readonly realm: string | undefined;
  readonly #key: FoundKey | null;
  readonly #exportKeys: ExportKeySource | null;
  #exportKey: FoundKey | null = null;
  readonly #signal: AbortSignal;

  /** `key` and `exportKey` are null for calls that need no key. */
  constructor(options: {
    url: URL;
    realm?: string | undefined;
    key: FoundKey | null;
    exportKey: ExportKeySource | null;
    signal: AbortSignal;
  }) {
    this.url = options.url;
    this.realm = options.realm;
    this.#key = options.key;
    this.#exportKeys = options.exportKey;
    this.#signal = options.signal;
  }

  /**
   * Sends a request and returns `data` of the response.
   *
   * @throws ServerRefusal for a problem document; Unreachable for no response, or one that is not Sallyport's
   */
  async call(call: Call): Promise<unknown> {
    const response = await this.open(call);
    const parsed = success.safeParse(await this.#readJson(response));
    if (!parsed.success) throw this.#stranger(response);
    return parsed.data.data;
  }

  /**
   * Sends a request and returns the response with its body unread. Repeats the request with `EXPORT_KEY` when the server requires the
   * key. Throws as {@link Api.call}.
   */
  async open(call: Call): Promise<Response> {
    const exportKey = call.exportKey === undefined ? null : await this.#findExportKey(call.exportKey);
    try {
      return await this.#send(call, exportKey);
    } catch (error) {
      const ask = this.#exportKeys?.ask ?? null;
      if (call.exportKey === undefined || exportKey !== null || ask === null || !lacksExportKey(error))
        throw error;
      this.#exportKey = await ask();
      return await this.#send(call, this.#exportKey);
    }
  }

  async #findExportKey(when: "needed" | "may_be_needed"): Promise<FoundKey | null> {
    this.#exportKey ??= this.#exportKeys?.find() ?? null;
    if (when === "needed") this.#exportKey ??= (await this.#exportKeys?.ask?.()) ?? null;
    return this.#exportKey;
  }

  async #send(
    { method = "GET", path, query = {}, ...call }: Call,
    exportKey: FoundKey | null,
  ): Promise<Response> {
    const url = new URL(this.url);
    url.pathname += path;
    for (const [name, value] of Object.entries({ ...query, realm: this.realm }))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const late = new AbortController();
    const seconds = call.withinSeconds ?? responseTimeoutSeconds;
    const timer = setTimeout(() => late.abort(new Error("timeout")), seconds * 1000);
    try {
      const response = await fetch(url, {
        method,
        ...contentOf(call),
        headers: {
          ...headers,
          ...contentOf(call).headers,
          ...(this.#key === null ? {} : { Authorization: `Bearer ${this.#key.key}` }),
          ...(exportKey === null ? {} : { "X-Sallyport-Export-Key": exportKey.key }),
        },
        // The key must not be sent to the target of a redirect.
        redirect: "manual",
        signal: AbortSignal.any([this.#signal, late.signal]),
      }).catch((error: unknown) => {
        throw this.#describeFailure(error);
      });
      if (response.ok) return response;
      throw await this.#describeRefusal(response);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Yields the body of a response in chunks. Throws Unreachable when the connection ends early. */
  async *stream({ body }: Response): AsyncGenerator<Uint8Array, void, undefined> {
    if (body === null) return;
    const reader = body.getReader();
    try {
      for (;;) {
        const { done, value } = await unlessAborted(reader.read(), this.#signal);
        if (done) return;
        yield value;
      }
    } catch (error) {
      throw this.#describeFailure(error);
    } finally {
      void reader.cancel().catch(() => {});
    }
  }

  async #readJson(response: Response): Promise<unknown> {
    const text = await unlessAborted(response.text(), this.#signal).catch((error: unknown) => {
      throw this.#describeFailure(error);
    });
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }

  async #describeRefusal(response: Response): Promise<Error> {
    const place = response.headers.get("Location");
    if (response.status >= 300 && response.status < 400 && place !== null) {
      return new Unreachable(`${this.url.href} redirects to ${place}.`, "Use the target address with --url.");
    }
    const isProblem = /^application\/problem\+json/.test(response.headers.get("Content-Type") ?? "");
    const parsed = problem.safeParse(isProblem ? await this.#readJson(response) : undefined);
    if (!parsed.success) return this.#stranger(response);
    const { status, code, detail, request_id: requestId = null } = parsed.data;
    const retryAfterSeconds = parseRetryAfter(response);
    const refused: Problem = { status, code, detail, requestId, retryAfterSeconds, members: parsed.data };
    return new ServerRefusal(refused, ...this.#advise(refused));
  }

  #advise({ code, detail, members }: Problem): string[] {
    if (members.export_key === "not_shown")
      return ["Set SALLYPORT_EXPORT_KEY in the environment, or run the command in a terminal."];
    if (members.export_key === "wrong" && this.#exportKey !== null)
      return [`The export key came from ${this.#exportKey.source}.`];
    if (code === "not_found" && detail === "There is nothing here.")
      return [`Check the base path ${this.url.pathname}.`];
    if (code === "invalid_api_key" && this.#key !== null) return [`The key came from ${this.#key.source}.`];
    return [];
  }

  #stranger({ status, headers }: Response): Error {
    const type = headers.get("Content-Type")?.split(";")[0] ?? "none";
    return new Unreachable(
      `${this.url.href} did not respond like Sallyport (status ${status}, content type ${type}).`,
      "Check the address. It must end with the base path.",
    );
  }

  #describeFailure(error: unknown): unknown {
    if (this.#signal.aborted) return this.#signal.reason;
    if (!(error instanceof Error)) return error;
    const isLocal = this.url.origin === localUrl;
    return new Unreachable(
      `Can't reach ${this.url.href}: ${reasonOf(error)}.`,
      isLocal ? "Check that npm start is running, or set --url or SALLYPORT_URL." : "",
    );
  }
}

const lacksExportKey = (error: unknown): boolean =>
  error instanceof ServerRefusal && error.problem.members.export_key === "not_shown";

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "host not found",
  EAI_AGAIN: "DNS lookup failed",
  ETIMEDOUT: "timeout",
  UND_ERR_CONNECT_TIMEOUT: "timeout",
  ECONNRESET: "connection closed",
  UND_ERR_SOCKET: "connection closed",
};

function reasonOf(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = "code" in cause ? String(cause.code) : "";
  return reasons[code] ?? (cause.message || code);
}

/** Parses the seconds of `Retry-After` (RFC 9110 10.2.3). Sallyport does not send the date form. */
function parseRetryAfter({ headers }: Response): number | null {
  const text = headers.get("Retry-After") ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}
