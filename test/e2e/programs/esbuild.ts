import assert from "node:assert/strict";
import { it } from "node:test";
import type { startEsbuild } from "../apps/esbuild.ts";
import type { Cast } from "./cast.ts";
import { arriveSignedIn } from "./sign-in.ts";

export function describeEsbuild(cast: () => Cast<Awaited<ReturnType<typeof startEsbuild>>>): void {
  it("reloads an open page by a server-sent event, and again (password)", async () => {
    const { browser, password: gate, program } = cast();
    const visitor = await arriveSignedIn(browser, gate, "/");
    const { page } = visitor;
    const opensStream = () => page.waitForResponse((response) => response.url().endsWith("/esbuild"));
    try {
      let opened = opensStream();
      await page.reload();
      await page.getByText("first", { exact: true }).waitFor();
      for (const text of ["second", "third"]) {
        assert.equal((await opened).headers()["content-type"], "text/event-stream");
        opened = opensStream();
        program.write(text);
        await page.getByText(text, { exact: true }).waitFor();
      }
    } finally {
      await visitor.leave();
    }
  });
}
