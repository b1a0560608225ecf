import { describe, expect, it, vi } from "vitest";
import { ask, asked, type Endpoint, endpoints } from "../support/forward-auth.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { mintSessionToken } from "../support/gate.ts";

// Other tests that fail when a cache never hits: `hot-path.test.ts` for sessions and assertions, `backend-keys.test.ts` for API
// keys, `path-meanings.test.ts` for the route table.

useFreshWorker();

describe("what an isolate keeps", () => {
  it.each<Endpoint>([...endpoints])(
    "is the response of %s for an assertion, whose headers are set once",
    async (endpoint) => {
      const bindings = asked();
      const session = await mintSessionToken({ username: endpoint });
      const set = vi.spyOn(Headers.prototype, "set");
      const identityHeaders = () =>
        set.mock.calls.filter(([name]) => name === "X-Sallyport-Assertion").length;
      const first = await ask(bindings, endpoint, { session });
      expect([first.status, identityHeaders()]).toEqual([200, 1]);
      const second = await ask(bindings, endpoint, { session });
      expect([second.status, identityHeaders()]).toEqual([200, 1]);
      for (const name of ["Remote-User", "Remote-Email", "X-Sallyport-Assertion"])
        expect(second.headers.get(name)).toBe(first.headers.get(name));
    },
  );
});
