/** The first match is used: nearly every browser also claims to be Safari, and browsers based on Chromium to be Chrome. */
const BROWSERS: [RegExp, string][] = [
  [/\bEdg(?:e|A|iOS)?\//, "Edge"],
  [/\b(?:OPR|Opera)\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(?:Firefox|FxiOS)\//, "Firefox"],
  [/\b(?:Chrome|Chromium|CriOS|HeadlessChrome)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];

const SYSTEMS: [RegExp, string][] = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b|\bMacintosh\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

const maxCharacters = 60;

/**
 * Describes a user agent for visitors, such as "Firefox on Windows". The text is for recognition only, because a client can
 * send any `User-Agent`. A user agent that is no known browser is returned unchanged, or shortened.
 */
export function formatUserAgent(userAgent: string | null): string {
  const sent = userAgent?.trim();
  if (!sent) return "Unknown device";
  const browser = BROWSERS.find(([pattern]) => pattern.test(sent))?.[1];
  const system = SYSTEMS.find(([pattern]) => pattern.test(sent))?.[1];
  if (browser && system) return `${browser} on ${system}`;
  if (browser) return browser;
  return sent.length > maxCharacters ? `${sent.slice(0, maxCharacters)}…` : sent;
}
