/** The gate, without wrangler's development server in front, before a site that can serve another path than that of the request. */
import { after, before, describe } from "node:test";
import type { Bundle } from "../../scripts/bundle.ts";
import { describeMovedPaths } from "./proxies/moved-paths.ts";
import {
  bundleSallyport,
  generateKeyring,
  removeBundle,
  startDirectWorker,
} from "./support/direct-worker.ts";

let bundle: Bundle;
before(() => {
  bundle = bundleSallyport();
});
after(() => bundle && removeBundle(bundle));

describe("the gate in front of a site that can serve another path", () => {
  describeMovedPaths(async (site) => {
    const { port, stop } = await startDirectWorker(bundle, {
      KEYRING: generateKeyring(),
      ORIGIN_URL: `http://127.0.0.1:${site.port}`,
      POLICY: JSON.stringify([{ path: "/public/*", require: "none" }]),
    });
    return { port, hidesCookies: true, stop };
  });
});
