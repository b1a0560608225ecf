import { vi } from "vitest";
import { proxyKey } from "./forward-auth.ts";
import { generateKey, IdentityProvider, type SigningKey } from "./identity-provider.ts";
import { Browser, type Site } from "./origin-site.ts";
import { createAccount, type Overrides } from "./worker.ts";

export const firstFactors = ["password", "origin", "jwt", "proxy"] as const;
export type FirstFactorName = (typeof firstFactors)[number];

export const jwtHeader = "Cf-Access-Jwt-Assertion";

let key: Promise<SigningKey> | undefined;

/** Adds an identity provider to the mock of `fetch`, which serves its keys. */
export async function mockProvider(site: Site): Promise<IdentityProvider> {
  key ??= generateKey("k1");
  const provider = new IdentityProvider(await key);
  vi.mocked(fetch).mockImplementation(provider.beside(site));
  return provider;
}

/**
 * A browser with the first factor of the account `ada` and without a second one. Call `openSite` first. With FIRST_FACTOR=proxy, every
 * request has `PROXY_KEY`.
 */
export async function showFirstFactor(
  name: FirstFactorName,
  site: Site,
  overrides: Overrides = {},
): Promise<Browser> {
  switch (name) {
    case "password": {
      const { username, password } = await createAccount("ada");
      const browser = new Browser({ FIRST_FACTOR: "password", ...overrides });
      await browser.post("/api/auth/sign-in", { username, password, rd: "/" });
      return browser;
    }
    case "origin":
      site.sessions.set("s1", "ada");
      return Browser.signedIn("s1", { WHOAMI_URL: "http://origin.test/me", ...overrides });
    case "jwt": {
      const provider = await mockProvider(site);
      const browser = new Browser({ ...provider.variables, ...overrides });
      browser.added[jwtHeader] = await provider.token();
      return browser;
    }
    case "proxy": {
      const browser = new Browser({ FIRST_FACTOR: "proxy", PROXY_KEY: proxyKey, ...overrides });
      Object.assign(browser.added, { "X-Sallyport-Proxy-Key": proxyKey, "Remote-User": "ada" });
      return browser;
    }
  }
}

/** The headers that the browser sends with every request. */
export function headersOf({ cookies, added }: Browser): Record<string, string> {
  const pairs = [...cookies].map(([name, value]) => `${name}=${value}`);
  return { ...added, ...(pairs.length === 0 ? {} : { Cookie: pairs.join("; ") }) };
}
