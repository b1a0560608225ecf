import type { HtmlEscapedString } from "hono/utils/html";
import { describe, expect, it } from "vitest";
import { AccountPage } from "../../../src/http/pages/account/account-view.tsx";
import { NewBackupCodesPage } from "../../../src/http/pages/account/backup-codes-view.tsx";
import {
  SetupCodeRetryPage,
  SetupScanPage,
  SetupStartPage,
} from "../../../src/http/pages/account/two-factor-setup-view.tsx";
import { formatUserAgent } from "../../../src/http/pages/account/user-agent.ts";
import { renderHtmlDocument } from "../../../src/http/pages/layout/layout.tsx";
import { MessagePage } from "../../../src/http/pages/layout/message.tsx";
import { formatDuration } from "../../../src/http/pages/layout/time.tsx";
import { SecondFactorPage } from "../../../src/http/pages/sign-in/second-factor-view.tsx";
import { SignInPage } from "../../../src/http/pages/sign-in/sign-in-view.tsx";
import { SignedOutPage, SignOutPage } from "../../../src/http/pages/sign-in/sign-out-view.tsx";

/** Breaks out of text, and of an attribute in either kind of quotes. */
const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(2)> ' &amp;`;
const ESCAPED =
  "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt; &#39; &amp;amp;";
const RETURN_PATH = "/docs/start?a=1&b=2";

const page = { base: "/auth", issuer: HOSTILE };
const form = { ...page, returnPath: RETURN_PATH };
const moment = new Date("2026-11-22T08:02:03Z");
const session = { id: "s1", createdAt: moment, lastSeenAt: moment, expiresAt: moment, aal: 2 as const };
const account = {
  ...page,
  user: { username: HOSTILE, email: HOSTILE },
  enabled: true,
  setupAt: moment,
  backupCodesRemaining: 8,
  sessions: [
    { ...session, current: true, userAgent: null, clientAddress: null },
    { ...session, id: HOSTILE, current: false, userAgent: HOSTILE, clientAddress: HOSTILE },
  ],
  hasPassword: true,
  siteHref: "/",
};
const setup = {
  account: HOSTILE,
  qrSvg: '<svg viewBox="0 0 9 9"><path fill="#000" d="M0 0h1v1z"/></svg>',
  secret: "JBSWY3DPEHPK3PXPJB",
  provisioningUri: `otpauth://totp/${encodeURIComponent(HOSTILE)}?secret=JBSWY3DPEHPK3PXPJB&issuer=x`,
  expiresInSeconds: 600,
  serverNowMs: 1_000,
};

type Node = HtmlEscapedString | Promise<HtmlEscapedString>;

/** Every page, with everything that it can show, and hostile text wherever text comes from outside. */
const pages: [name: string, node: Node][] = [
  ["sign-in", <SignInPage {...form} />],
  ["sign-in, wrong", <SignInPage {...form} username={HOSTILE} error={HOSTILE} />],
  ["sign-in, blocked", <SignInPage {...form} retryAfterSeconds={90} />],
  ["second factor", <SecondFactorPage {...form} mode="sign_in" serverNowMs={1} />],
  ["second factor, wrong", <SecondFactorPage {...form} mode="sign_in" serverNowMs={1} error={HOSTILE} />],
  ["step-up, blocked", <SecondFactorPage {...form} mode="step_up" serverNowMs={1} retryAfterSeconds={300} />],
  ["account", <AccountPage {...account} notice={HOSTILE} />],
  ["account, wrong", <AccountPage {...account} error={HOSTILE} errorIn="disable" backupCodesRemaining={0} />],
  ["account, off", <AccountPage {...account} enabled={false} setupAt={null} siteHref={null} />],
  ["setup, start", <SetupStartPage {...form} replacing={false} required error={HOSTILE} />],
  ["setup, replace", <SetupStartPage {...form} replacing required={false} />],
  ["setup, scan", <SetupScanPage {...form} {...setup} error={HOSTILE} />],
  ["setup, confirm", <SetupCodeRetryPage {...form} serverNowMs={1} error={HOSTILE} />],
  [
    "backup codes",
    <NewBackupCodesPage
      {...page}
      codes={["7K2M-9QXD", "0A1B-2C3D"]}
      continueHref={RETURN_PATH}
      continueLabel="Continue"
      reason="enabled"
    />,
  ],
  ["sign-out", <SignOutPage {...page} />],
  ["signed out", <SignedOutPage {...page} siteHref="/" />],
  [
    "message",
    <MessagePage
      {...page}
      kind="error"
      title={HOSTILE}
      message={HOSTILE}
      code="not_found"
      requestId={HOSTILE}
      actions={[{ href: "/", label: HOSTILE }]}
      retryAfterSeconds={5}
    />,
  ],
];

const tags = (html: string, name: string) => html.match(new RegExp(`<${name}\\b[^>]*>`, "g")) ?? [];
const attribute = (tag: string, name: string) => new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1];
const forms = (html: string) => html.match(/<form\b.*?<\/form>/gs) ?? [];

describe.each(pages)("page: %s", (_name, node) => {
  const html = renderHtmlDocument(node);

  it("is a document with a language, a title and one h1", () => {
    expect(html).toMatch(/^<!doctype html><html lang="en">/);
    expect(tags(html, "title")).toHaveLength(1);
    expect(tags(html, "h1")).toHaveLength(1);
  });

  it("WB-03 has no inline script, style or handler, which its CSP would refuse", () => {
    expect(tags(html, "script")).toEqual(['<script type="module" src="/auth/assets/sallyport.js">']);
    expect(html).toContain('src="/auth/assets/sallyport.js"></script>');
    expect(tags(html, "style")).toEqual([]);
    const withoutValues = html.replace(/"[^"]*"/g, '""');
    const everyTag = withoutValues.match(/<[a-z][^>]*>/gi) ?? [];
    expect(everyTag.filter((tag) => /\s(?:style|on\w+)\s*=/i.test(tag))).toEqual([]);
    expect(html).not.toContain("javascript:");
  });

  it("asks no other host for anything", () => {
    expect(html).not.toMatch(/(?:src|href|action)="(?:https?:)?\/\//);
  });

  it("escapes what came from outside", () => {
    expect(html).toContain(ESCAPED);
    expect(html).not.toContain("<script>alert");
    expect(html).not.toContain("<img");
  });

  it("WB-10 sends every form in a body, to this Worker", () => {
    for (const tag of tags(html, "form")) {
      expect(attribute(tag, "method")).toBe("post");
      expect(attribute(tag, "action")).toMatch(/^\/auth\/[a-z/-]+$/);
      expect(attribute(tag, "enctype")).toBeUndefined();
    }
  });

  it("has a label for every field, and an element for every id that is referred to", () => {
    const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    const labelled = tags(html, "label").map((tag) => attribute(tag, "for"));
    for (const tag of tags(html, "input")) {
      if (attribute(tag, "type") !== "hidden") expect(labelled).toContain(attribute(tag, "id"));
    }
    for (const match of html.matchAll(/\saria-(?:describedby|labelledby)="([^"]*)"/g)) {
      for (const id of (match[1] ?? "").split(" ")) expect(ids).toContain(id);
    }
  });
});

describe("forms", () => {
  const rendered = new Map(pages.map(([name, node]) => [name, renderHtmlDocument(node)]));
  const formsTo = (path: string) =>
    [...rendered.values()].flatMap(forms).filter((text) => text.includes(`action="/auth${path}"`));

  it.each(["/sign-in", "/second-factor", "/account/two-factor"])("to %s carry the return path", (path) => {
    expect(formsTo(path).length).toBeGreaterThan(0);
    for (const text of formsTo(path)) {
      expect(text).toContain('<input type="hidden" name="rd" value="/docs/start?a=1&amp;b=2"/>');
    }
  });

  it("of the wizard say which step they are", () => {
    for (const text of formsTo("/account/two-factor"))
      expect(text).toMatch(/name="step" value="(start|confirm)"/);
  });

  it("show an error beside the field that it is about", () => {
    const html = rendered.get("second factor, wrong") ?? "";
    expect(html).toContain("<title>Error: Enter your code");
    expect(html).toContain('id="code-error" role="alert"');
    const [code] = tags(html, "input").filter((tag) => tag.includes('name="code"'));
    expect(attribute(code ?? "", "aria-describedby")).toBe("code-error code-hint");
    expect(attribute(code ?? "", "aria-invalid")).toBe("true");
  });

  it("take codes as text, and never come disabled", () => {
    for (const html of rendered.values()) {
      expect(html).not.toContain('type="number"');
      expect(html).not.toMatch(/<(?:button|input)\b[^>]*\sdisabled/);
    }
  });

  it("ask for the password to switch off only where there is one", () => {
    const disable = (hasPassword: boolean) =>
      renderHtmlDocument(<AccountPage {...account} hasPassword={hasPassword} />);
    expect(disable(true)).toContain('name="password"');
    expect(disable(false)).not.toContain('name="password"');
  });

  it("end other sessions, and not the one that looks", () => {
    const ends = formsTo("/account/sessions/end");
    expect(ends.length).toBeGreaterThan(0);
    for (const text of ends) expect(text).toContain(`name="id" value="${ESCAPED}"`);
  });
});

describe("secrets", () => {
  it("EN-06 show the secret on the scan page alone", () => {
    const showing = pages.filter(([, node]) => /JBSW/.test(renderHtmlDocument(node))).map(([name]) => name);
    expect(showing).toEqual(["setup, scan"]);
    expect(renderHtmlDocument(<SetupScanPage {...form} {...setup} />)).toContain("JBSW Y3DP EHPK 3PXP JB<");
  });

  it("warn when backup codes run out", () => {
    const withCodes = (count: number) =>
      renderHtmlDocument(<AccountPage {...account} backupCodesRemaining={count} />);
    expect(withCodes(4)).toContain("You have 4 unused backup codes");
    expect(withCodes(3)).toContain("Only 3 backup codes left.");
    expect(withCodes(1)).toContain("Only 1 backup code left.");
    expect(withCodes(0)).toContain("You have no backup codes left.");
  });
});

describe("words", () => {
  it("write times in UTC, for eyes and for machines", () => {
    expect(renderHtmlDocument(<AccountPage {...account} />)).toContain(
      '<time datetime="2026-11-22T08:02:03.000Z">22 Nov 2026, 08:02 UTC</time>',
    );
  });

  it.each([
    [0, "1 second"],
    [1.2, "2 seconds"],
    [119, "119 seconds"],
    [120, "2 minutes"],
    [121, "3 minutes"],
  ])("never promise less than a wait of %d s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it.each([
    [null, "Unknown device"],
    ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"],
    [
      "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
      "Edge on Windows",
    ],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"],
    ["curl/8.9.1", "curl/8.9.1"],
    ["x".repeat(500), `${"x".repeat(60)}…`],
  ])("know the browser %s", (userAgent, text) => {
    expect(formatUserAgent(userAgent)).toBe(text);
  });
});
