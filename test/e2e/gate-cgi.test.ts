/** The gate in front of the CGI site that the proxies are tested with: one list of cleared headers holds for all (INC-35). */
import { after, before, describe } from "node:test";
import { describeClearing } from "./proxies/clearing.ts";
import { type CgiSite, startCgiSite } from "./support/cgi-site.ts";
import { startWorker, type Worker } from "./support/worker.ts";

let site: CgiSite;
let worker: Worker;
before(async () => {
  site = await startCgiSite();
  worker = await startWorker({
    ORIGIN_URL: `http://127.0.0.1:${site.port}`,
    POLICY: JSON.stringify([{ path: "/public/*", require: "none" }]),
  });
});
after(async () => {
  await worker?.stop();
  await site?.stop();
});

describe("the gate in front of a CGI site", () => {
  describeClearing(async () => ({
    front: { baseUrl: worker.baseUrl, clearsFamilies: true, hidesCookies: true, stop: async () => {} },
    worker,
  }));
});
