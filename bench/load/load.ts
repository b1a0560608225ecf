import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Order, Outcome, SocketOrder } from "./exchange.ts";

/** Sends load from a separate process. */
export interface Load {
  /**
   * Sends requests and waits for all responses.
   *
   * @throws Error with the first unexpected response, because a benchmark of error responses would be meaningless
   */
  send(order: Order): Promise<Outcome>;
  /** Sends messages over a WebSocket, each after the echo of the previous one. Throws as {@link Load.send}. */
  exchangeMessages(order: SocketOrder): Promise<Outcome>;
  stop(): void;
}

export function startLoad(): Load {
  const child = fork(fileURLToPath(new URL("./process.ts", import.meta.url)), {
    serialization: "advanced",
  });
  const carryOut = async (order: Order | SocketOrder): Promise<Outcome> => {
    const stopWaiting = new AbortController();
    const { signal } = stopWaiting;
    const answered = once(child, "message", { signal });
    const ended = once(child, "exit", { signal }).then(() => [{ failed: "the load process has ended" }]);
    ended.catch(() => {});
    child.send(order);
    const [outcome] = (await Promise.race([answered, ended])) as [Outcome | { failed: string }];
    stopWaiting.abort();
    if ("failed" in outcome) throw new Error(outcome.failed);
    if (outcome.wrong > 0) {
      throw new Error(
        `${outcome.wrong} of ${outcome.milliseconds.length} answers are wrong: ${outcome.firstWrong}`,
      );
    }
    return outcome;
  };
  return { send: carryOut, exchangeMessages: carryOut, stop: () => child.disconnect() };
}
