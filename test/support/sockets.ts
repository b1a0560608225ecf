import { vi } from "vitest";
import type { Browser, Site } from "./origin-site.ts";

/** The headers of a browser's WebSocket handshake. */
export const handshake = {
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol": "chat",
  "Sec-Fetch-Mode": "websocket",
  "Sec-Fetch-Site": "same-origin",
  Origin: "https://site.example",
};

/** Lets the site accept WebSockets and echo each message. Returns the site's ends of the sockets. */
export function takeSockets(site: Site): WebSocket[] {
  const sockets: WebSocket[] = [];
  const answer = site.answer;
  site.answer = (request) => {
    if (request.headers.get("Upgrade") !== "websocket") return answer(request);
    const { 0: forVisitor, 1: own } = new WebSocketPair();
    own.accept();
    own.binaryType = "arraybuffer";
    own.addEventListener("message", ({ data }) => own.send(data));
    sockets.push(own);
    const headers = { "Sec-WebSocket-Protocol": "chat", "Set-Cookie": "ws=1" };
    return new Response(null, { status: 101, webSocket: forVisitor, headers });
  };
  return sockets;
}

export const connect = (browser: Browser, path = "/live") => browser.request(path, { headers: handshake });

/** Opens a socket, and records the code and reason of its closing. */
export async function openSocket(browser: Browser, path = "/live") {
  const response = await connect(browser, path);
  const { webSocket } = response;
  if (webSocket === null) throw new Error(`no socket, but ${response.status}`);
  webSocket.accept();
  webSocket.binaryType = "arraybuffer";
  const ends: [number, string][] = [];
  webSocket.addEventListener("close", ({ code: number, reason }) => ends.push([number, reason]));
  return { response, webSocket, ends };
}

export const echo = (webSocket: WebSocket, data: string | Uint8Array) =>
  new Promise<unknown>((resolve) => {
    webSocket.addEventListener("message", (event) => resolve(event.data), { once: true });
    webSocket.send(data);
  });

/** Stops the clock and the timers of relays: time passes by {@link passTime} only. */
export const holdTime = () =>
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"], now: Date.now() });

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Advances the clock and the relays' timers. */
export async function passTime(seconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(seconds * 1000);
  // D1 is outside the isolate, and fake timers do not wait for it.
  await sleep(50);
}

/** Waits until the socket is closed. */
export async function endOf(ends: [number, string][]): Promise<[number, string][]> {
  for (let i = 0; i < 200 && ends.length === 0; i++) await sleep(50);
  return ends;
}

/** The code and reason of a relay that ends because the session has ended. */
export const ended = [[1008, "The session has ended"]];
