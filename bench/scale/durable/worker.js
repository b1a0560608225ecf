// Sallyport with a Durable Object instead of D1. Not TypeScript, for the same reason as `../worker/metered.js`.
import sallyport from "../../../src/index.ts";
import { asD1 } from "./database.ts";

// biome-ignore lint/performance/noBarrelFile: the platform looks for classes among the exports of this file
export { Bucket } from "./object.ts";

const environments = new WeakMap();

/** Creates one environment per isolate, because the Worker caches its configuration by it. All users are in the same bucket here. */
function withBucket(env) {
  const openBucket = () => env.BUCKETS.getByName("0");
  const known = environments.get(env) ?? { ...env, DB: asD1(openBucket) };
  environments.set(env, known);
  return known;
}

export default {
  async fetch(request, env, context) {
    if (new URL(request.url).pathname !== "/sql") return sallyport.fetch(request, withBucket(env), context);
    return Response.json(await env.BUCKETS.getByName("0").runAll(await request.json()));
  },
};
