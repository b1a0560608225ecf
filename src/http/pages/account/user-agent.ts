/** First match wins: nearly every browser also claims to be Safari, and Chrome's descendants to be Chrome. */
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

const LONGEST = 60;

/**
 * A user agent in words a visitor knows, such as "Firefox on Windows". For recognition only: anybody can send any.
 * One that is not a browser is given as it is, shortened.
 */
export function describeUserAgent(userAgent: string | null): string {
  const sent = userAgent?.trim();
  if (!sent) return "Unknown device";
  const browser = BROWSERS.find(([pattern]) => pattern.test(sent))?.[1];
  const system = SYSTEMS.find(([pattern]) => pattern.test(sent))?.[1];
  if (browser && system) return `${browser} on ${system}`;
  if (browser) return browser;
  return sent.length > LONGEST ? `${sent.slice(0, LONGEST)}…` : sent;
}
