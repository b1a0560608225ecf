import type { CpuProfile } from "./cpu-profile.ts";

/** A Worker's inspector, as Chrome's developer tools speak with it. */
export interface Inspector {
  /**
   * Bytes of objects that are alive, after everything else was collected.
   *
   * @param wake sends the Worker a request: an isolate that has nothing to do does not collect, either
   */
  heapBytes(wake: () => Promise<unknown>): Promise<number>;
  /** What runs while `act` goes on. */
  profile(act: () => Promise<unknown>): Promise<CpuProfile>;
  close(): void;
}

/** Ten times as often as by default. */
const sampledEveryMicroseconds = 100;

/** Connects to a Worker's inspector. @param url what `RunningWorkers.inspectorUrl` returned */
export async function openInspector(url: string): Promise<Inspector> {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error(`No inspector answers at ${url}`)));
  });
  let last = 0;
  const call = (method: string, params: object = {}) =>
    new Promise<unknown>((resolve, reject) => {
      last += 1;
      const id = last;
      const listen = ({ data }: MessageEvent) => {
        const message = JSON.parse(String(data));
        if (message.id !== id) return;
        socket.removeEventListener("message", listen);
        if (message.error === undefined) resolve(message.result);
        else reject(new Error(`${method}: ${message.error.message}`));
      };
      socket.addEventListener("message", listen);
      socket.send(JSON.stringify({ id, method, params }));
    });
  const collect = async (wake: () => Promise<unknown>) => {
    let collected = false;
    const answer = call("HeapProfiler.collectGarbage").finally(() => {
      collected = true;
    });
    while (!collected) await wake();
    await answer;
  };
  return {
    async heapBytes(wake) {
      await collect(wake);
      // What only a finalizer held is found by the second one.
      await collect(wake);
      const { usedSize } = (await call("Runtime.getHeapUsage")) as { usedSize: number };
      return usedSize;
    },
    async profile(act) {
      await call("Profiler.enable");
      await call("Profiler.setSamplingInterval", { interval: sampledEveryMicroseconds });
      await call("Profiler.start");
      await act();
      return ((await call("Profiler.stop")) as { profile: CpuProfile }).profile;
    },
    close: () => socket.close(),
  };
}
