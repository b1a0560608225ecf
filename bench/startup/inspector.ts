import type { CpuProfile } from "./cpu-profile.ts";

/** A client of a Worker's inspector (Chrome DevTools Protocol). */
export interface Inspector {
  /**
   * Returns the bytes of live objects after a garbage collection.
   *
   * @param wake sends the Worker a request, because an idle isolate does not collect garbage
   */
  heapBytes(wake: () => Promise<unknown>): Promise<number>;
  /** Profiles the isolate while `act` runs. */
  profile(act: () => Promise<unknown>): Promise<CpuProfile>;
  close(): void;
}

/** A tenth of the default interval. */
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
      // The second collection frees objects that only a finalizer referenced.
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
