import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { launchBrowser } from "./browser.ts";
import { findPageFlaws } from "./page-checks.ts";
import { type Sallyport, startSallyport } from "./sallyport.ts";
import { Visitor } from "./visitor.ts";

/** A running Sallyport and a browser, for all tests of a file. SCREENSHOT_DIR names a folder where pictures stay. */
export class Stage {
  readonly sallyport: Sallyport;
  readonly #browser: Browser;
  readonly #pictures: string;

  private constructor(sallyport: Sallyport, browser: Browser, pictures: string) {
    this.sallyport = sallyport;
    this.#browser = browser;
    this.#pictures = pictures;
  }

  static async open(): Promise<Stage> {
    const pictures = process.env.SCREENSHOT_DIR || mkdtempSync(join(tmpdir(), "sallyport-pictures-"));
    mkdirSync(pictures, { recursive: true });
    const sallyport = await startSallyport();
    try {
      return new Stage(sallyport, await launchBrowser(), pictures);
    } catch (error) {
      await sallyport.stop();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.sallyport.stop();
    if (!process.env.SCREENSHOT_DIR) rmSync(this.#pictures, { recursive: true, force: true });
  }

  /** Lets a visitor do something. When that went well, the browser must have had nothing to complain about. */
  async visit(act: (visitor: Visitor) => Promise<void>, options: BrowserContextOptions = {}): Promise<void> {
    const visitor = await this.arrive(options);
    try {
      await act(visitor);
      assert.deepEqual(await visitor.findFlaws(), []);
    } catch (error) {
      await this.takePicture(visitor, "failed").catch(() => {});
      throw error;
    } finally {
      await visitor.leave();
    }
  }

  /** A new visitor. Close it when done. */
  arrive(options: BrowserContextOptions = {}): Promise<Visitor> {
    return Visitor.arrive(this.#browser, this.sallyport, options);
  }

  /** A picture of the whole page, as a file. */
  async takePicture({ page }: Visitor, name: string): Promise<string> {
    const path = join(this.#pictures, `${name}.png`);
    await page.screenshot({ path, fullPage: true });
    return path;
  }

  /** Asserts that a page can be read and used, on narrow and on wide screens, in light and in dark. */
  async inspect({ page }: Visitor, name: string): Promise<string[]> {
    const { flaws, pictures } = await findPageFlaws(page, name, this.#pictures);
    assert.deepEqual(flaws, []);
    return pictures;
  }
}
