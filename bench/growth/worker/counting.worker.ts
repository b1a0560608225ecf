import sallyport from "../../../src/index.ts";
import type { Bindings } from "../../../src/runtime.ts";
import { countRows } from "../../../test/support/d1.ts";

interface Env extends Bindings {
  readonly KEYRING: string;
  /** `KEYRING` followed by an older key. */
  readonly ROTATED_KEYRING: string;
}

/**
 * Sallyport, which reports the cost of each request in the header `X-D1-Cost`. `POST /hourly` runs the hourly job. Parameters: `at` is the
 * time of the job in milliseconds, `rotated` uses the keyring with an older key, `uncounted` does not count, and so does not run queries twice.
 */
export default {
  async fetch(request, env, context) {
    const cost = { trips: 0, rowsRead: 0, rowsWritten: 0 };
    const { pathname, searchParams } = new URL(request.url);
    const bindings = {
      ...env,
      KEYRING: searchParams.has("rotated") ? env.ROTATED_KEYRING : env.KEYRING,
      DB: searchParams.has("uncounted") ? env.DB : countRows(env.DB, cost),
    };
    let response = new Response(null);
    if (pathname === "/hourly") {
      const scheduledTime = Number(searchParams.get("at"));
      await sallyport.scheduled({ scheduledTime, cron: "17 * * * *", noRetry() {} }, bindings, context);
    } else {
      response = await sallyport.fetch(request, bindings, context);
    }
    const telling = new Response(response.body, response);
    telling.headers.set("X-D1-Cost", JSON.stringify(cost));
    return telling;
  },
} satisfies ExportedHandler<Env>;
