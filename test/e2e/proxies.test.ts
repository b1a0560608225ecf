/**
 * The files in `examples/`, run by Debian's nginx, Caddy and HAProxy, each in front of the demo origin and with the
 * Worker beside it (SPEC "Forward-auth"). Traefik is not in Debian: `support/traefik.ts` plays it.
 */
import { after, before, describe } from "node:test";
import { describePages, freshSeconds } from "./proxies/pages.ts";
import { describeStreams } from "./proxies/streams.ts";
import { describeTrouble } from "./proxies/trouble.ts";
import { proxyNames } from "./support/proxies.ts";
import { startWorker, type Worker } from "./support/worker.ts";

let worker: Worker;
before(async () => {
  worker = await startWorker({
    SESSION_RECHECK: "0",
    POLICY: JSON.stringify([
      { path: "/public/*", require: "none" },
      { path: "/headers", methods: ["OPTIONS"], require: "none" },
      { path: "/admin/*", require: "second_factor", max_age: freshSeconds },
    ]),
  });
});
after(() => worker?.stop());

for (const name of proxyNames) {
  describe(`${name} with its files from examples/`, () => {
    describePages(name, () => worker);
    describeStreams(name, () => worker);
    describeTrouble(name, () => worker);
  });
}
