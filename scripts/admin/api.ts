import * as z from "zod/mini";
import { type Problem, ServerRefusal, Unreachable } from "./failure.ts";
import { type FoundKey, localUrl } from "./settings.ts";
import { unlessAborted } from "./waiting.ts";

/** One call of the service API. */
export interface Call {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Below the base address; every part that is not fixed has gone through {@link pathPart}. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Becomes JSON. */
  readonly body?: unknown;
  /** Lines of JSON, instead of `body`. */
  readonly lines?: Uint8Array<ArrayBuffer>;
  /** How long the answer may take to begin. */
  readonly withinSeconds?: number;
  /** Whether the server can ask for `EXPORT_KEY` beside the key. It is sent with no other call. */
  readonly exportKey?: "needed" | "may_be_needed";
}

/** Where `EXPORT_KEY` comes from. */
export interface ExportKeySource {
  readonly find: () => FoundKey | null;
  /** Null: there is no terminal to ask at. */
  readonly ask: (() => Promise<FoundKey>) | null;
}

const answerWithinSeconds = 30;

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

/** A name as one segment of a path. */
export const pathPart = (name: string): string => encodeURIComponent(name);

/** The service API of one deployment, as one caller. */
export class Api {
  readonly url: URL;
  readonly realm: string | undefined;
  readonly #key: FoundKey | null;
  readonly #exportKeys: ExportKeySource | null;
  #exportKey: FoundKey | null = null;
  readonly #signal: AbortSignal;

  /** `key` and `exportKey` are null for what anybody may ask. */
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
   * Calls, and returns `data` of the answer.
   *
   * @throws ServerRefusal for a problem document; Unreachable when nobody answers, or somebody who is not Sallyport
   */
  async call(call: Call): Promise<unknown> {
    const response = await this.open(call);
    const parsed = success.safeParse(await this.#readJson(response));
    if (!parsed.success) throw this.#stranger(response);
    return parsed.data.data;
  }

  /**
   * Calls, and returns the answer when it is a success, unread. A call that turns out to need `EXPORT_KEY` is made again
   * with it: the refusal has changed nothing. Throws as {@link Api.call}.
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
    const seconds = call.withinSeconds ?? answerWithinSeconds;
    const timer = setTimeout(() => late.abort(new Error("no answer in time")), seconds * 1000);
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
        // Where it leads is not where the key was meant to go.
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

  /** The body of an answer, as it comes. Throws Unreachable when it breaks off. */
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
      return new Unreachable(
        `${this.url.href} sends its callers on to ${place}.`,
        "Give the address that answers itself with --url.",
      );
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
      return ["It comes from SALLYPORT_EXPORT_KEY of the environment, or from a prompt at a terminal."];
    if (members.export_key === "wrong" && this.#exportKey !== null)
      return [`The export key came from ${this.#exportKey.source}.`];
    if (code === "not_found" && detail === "There is nothing here.")
      return [`Is ${this.url.pathname} its base path?`];
    if (code === "invalid_api_key" && this.#key !== null) return [`The key came from ${this.#key.source}.`];
    return [];
  }

  #stranger({ status, headers }: Response): Error {
    const type = headers.get("Content-Type")?.split(";")[0] ?? "nothing";
    return new Unreachable(
      `${this.url.href} does not answer as Sallyport does (${status}, ${type}).`,
      "Is the address right, with the base path at its end?",
    );
  }

  #describeFailure(error: unknown): unknown {
    if (this.#signal.aborted) return this.#signal.reason;
    if (!(error instanceof Error)) return error;
    const isLocal = this.url.origin === localUrl;
    return new Unreachable(
      `Can't reach ${this.url.href}: ${reasonOf(error)}.`,
      isLocal ? "Is npm start running? Another deployment is named with --url or SALLYPORT_URL." : "",
    );
  }
}

const lacksExportKey = (error: unknown): boolean =>
  error instanceof ServerRefusal && error.problem.members.export_key === "not_shown";

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the name can't be looked up",
  ETIMEDOUT: "no answer in time",
  UND_ERR_CONNECT_TIMEOUT: "no answer in time",
  ECONNRESET: "the connection was closed",
  UND_ERR_SOCKET: "the connection was closed",
};

function reasonOf(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = "code" in cause ? String(cause.code) : "";
  return reasons[code] ?? (cause.message || code);
}

/** RFC 9110 10.2.3, in seconds. A date is not what Sallyport sends. */
function parseRetryAfter({ headers }: Response): number | null {
  const text = headers.get("Retry-After") ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}
