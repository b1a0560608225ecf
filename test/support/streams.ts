import type { Browser, Site } from "./origin-site.ts";

/** The site's end of a response that lasts. */
export interface SiteStream {
  /** Sends a piece of the body. Rejects when the stream was cut. */
  send(text: string): Promise<void>;
  /** Ends the body. */
  end(): Promise<void>;
}

/** Lets the site respond to `/live` with a body that it writes later. Returns the site's ends of these. */
export function takeStreams(site: Site, headers: Record<string, string> = {}): SiteStream[] {
  const streams: SiteStream[] = [];
  const answer = site.answer;
  site.answer = (request) => {
    if (new URL(request.url).pathname !== "/live") return answer(request);
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    streams.push({
      send: (text) => writer.write(new TextEncoder().encode(text)),
      end: () => writer.close(),
    });
    return new Response(readable, { headers: { "Content-Type": "text/event-stream", ...headers } });
  };
  return streams;
}

/** Opens a stream, and reads it piece by piece. */
export async function openStream(browser: Browser, init: RequestInit = {}, path = "/live") {
  const response = await browser.script(path, init);
  const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  const read = async () => {
    const { done, value } = (await reader?.read()) ?? { done: true };
    return done ? null : new TextDecoder().decode(value);
  };
  return { response, read };
}

/** Real milliseconds after which a stream that was not cut counts as open. */
const openMilliseconds = 5000;

/** What the read of a stream that was cut fails with, or what it gets instead. */
export const failureOf = (read: Promise<unknown>): Promise<string> =>
  Promise.race([
    read.then(
      (value) => `not cut: ${JSON.stringify(value)}`,
      (error: Error) => error.message,
    ),
    scheduler.wait(openMilliseconds).then(() => "still open"),
  ]);

/** The message of a stream that ends because the session has ended. */
export const cut = "The session has ended";
