import assert from "node:assert/strict";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import type { Account } from "./accounts.ts";
import { newVisitor } from "./browser.ts";
import type { Sallyport } from "./sallyport.ts";
import { Traffic } from "./traffic.ts";

/** A visitor with a browser, which finds elements by their labels and headings. */
export class Visitor {
  readonly page: Page;
  readonly traffic: Traffic;
  readonly #sallyport: Pick<Sallyport, "baseUrl">;
  readonly #hasScript: boolean;
  readonly #secrets = new Set<string>();

  private constructor(page: Page, sallyport: Pick<Sallyport, "baseUrl">, hasScript: boolean) {
    this.page = page;
    this.#sallyport = sallyport;
    this.#hasScript = hasScript;
    this.traffic = new Traffic(page, sallyport.baseUrl);
  }

  static async arrive(
    browser: Browser,
    sallyport: Pick<Sallyport, "baseUrl">,
    options: BrowserContextOptions = {},
  ): Promise<Visitor> {
    // Once one is named, those that are not named are denied.
    const permissions = ["clipboard-read", "clipboard-write"];
    const page = await newVisitor(browser, { permissions, ...options });
    return new Visitor(page, sallyport, options.javaScriptEnabled ?? true);
  }

  /** Opens a path of the site, or of Sallyport's pages, and says with which status it was answered. */
  async open(path = "/"): Promise<number | undefined> {
    const response = await this.page.goto(this.#sallyport.baseUrl + path);
    return response?.status();
  }

  get pathname(): string {
    return new URL(this.page.url()).pathname;
  }

  get heading(): Promise<string> {
    return this.page.getByRole("heading", { level: 1 }).innerText();
  }

  /** What the page says in its box for errors. */
  get error(): Promise<string> {
    return this.page.getByRole("alert").innerText();
  }

  async shows(heading: string): Promise<void> {
    assert.equal(await this.heading, heading);
  }

  button(name: string): Locator {
    return this.page.getByRole("button", { name, exact: true });
  }

  link(name: string): Locator {
    return this.page.getByRole("link", { name, exact: true });
  }

  field(label: string): Locator {
    return this.page.getByLabel(label, { exact: true });
  }

  /** A field of the form that this button sends, where a page has more than one of that label. */
  fieldOf(button: string, label: string): Locator {
    return this.page.locator("form", { has: this.button(button) }).getByLabel(label, { exact: true });
  }

  /** Does something that leads to another page, and waits for that page. */
  async go(act: () => Promise<unknown>): Promise<void> {
    const loaded = this.page.waitForEvent("load");
    await act();
    await loaded;
  }

  async press(button: string): Promise<void> {
    await this.go(() => this.button(button).click());
  }

  async follow(link: string): Promise<void> {
    await this.go(() => this.link(link).click());
  }

  /** Opens what is folded away under this line, if it is not open. */
  async unfold(summary: string): Promise<void> {
    const details = this.page.locator("details", { has: this.page.getByText(summary, { exact: true }) });
    if ((await details.getAttribute("open")) === null)
      await details.getByText(summary, { exact: true }).click();
  }

  async signIn({ username, password }: Account): Promise<void> {
    this.keepsSecret(password);
    await this.field("User name").fill(username);
    await this.field("Password").fill(password);
    await this.press("Sign in");
  }

  /** Types a code digit by digit. The sixth one sends it; without the script a button does. */
  async typeCode(code: string, { label, button }: { label: string; button: string }): Promise<void> {
    this.keepsSecret(code);
    const type = () => this.field(label).pressSequentially(code);
    if (this.#hasScript) return this.go(type);
    await type();
    await this.press(button);
  }

  async giveCode(code: string): Promise<void> {
    await this.typeCode(code, { label: "Code", button: "Continue" });
  }

  /** Gives a code, where the answer does not stay: it leads on to another site. */
  async sendCode(code: string): Promise<void> {
    this.keepsSecret(code);
    await this.field("Code").pressSequentially(code);
    if (!this.#hasScript) await this.button("Continue").click();
  }

  /** Pastes a code, which the script sends when it has six digits. */
  async pasteCode(text: string): Promise<void> {
    this.keepsSecret(text, text.replaceAll(" ", ""));
    await this.page.evaluate((copied) => navigator.clipboard.writeText(copied), text);
    await this.field("Code").focus();
    await this.go(() => this.page.keyboard.press("Control+V"));
  }

  async confirmApp(code: string): Promise<void> {
    await this.typeCode(code, { label: "Code from your app", button: "Confirm and switch on" });
  }

  async giveBackupCode(typed: string): Promise<void> {
    this.keepsSecret(typed);
    await this.unfold("Use a backup code");
    await this.field("Code").fill(typed);
    await this.go(() => this.field("Code").press("Enter"));
  }

  /** The ten codes, as they stand on the page. */
  async readBackupCodes(): Promise<string[]> {
    const codes = await this.page.locator("ol code").allInnerTexts();
    assert.equal(new Set(codes).size, 10);
    for (const code of codes) assert.match(code, /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
    this.keepsSecret(...codes);
    return codes;
  }

  /** The secret that the wizard shows as text, in groups of four. */
  async readManualKey(): Promise<string> {
    await this.unfold("Can’t scan it?");
    return this.page.locator("code.secret").innerText();
  }

  /** A list of names and values, such as the origin's about its visitor. */
  async readFacts(): Promise<Record<string, string>> {
    const names = await this.page.locator("dt").allInnerTexts();
    const values = await this.page.locator("dd").allInnerTexts();
    return Object.fromEntries(names.map((name, i) => [name, values[i] ?? ""]));
  }

  /** What must be in no address that this visitor's browser asks for. */
  keepsSecret(...secrets: string[]): void {
    for (const secret of secrets) this.#secrets.add(secret);
  }

  /** What the browser has complained about so far, and what it has told to whom it should not have. */
  async findFlaws(): Promise<string[]> {
    const cookies = await this.page.context().cookies();
    return this.traffic.findFlaws([...this.#secrets, ...cookies.map(({ value }) => value)]);
  }

  leave(): Promise<void> {
    return this.page.context().close();
  }
}
