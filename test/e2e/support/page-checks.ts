import { join } from "node:path";
import type { Page } from "playwright-core";

const widths = [320, 1280];
const schemes = ["light", "dark"] as const;

/** Looks at a page on a narrow and on a wide screen, in light and in dark, and keeps four pictures. */
export async function findPageFlaws(
  page: Page,
  name: string,
  folder: string,
): Promise<{ flaws: string[]; pictures: string[] }> {
  const before = page.viewportSize();
  const flaws: string[] = [];
  const pictures: string[] = [];
  for (const width of widths) {
    for (const colorScheme of schemes) {
      const look = `${name}-${width}-${colorScheme}`;
      await page.setViewportSize({ width, height: 900 });
      // A colour on its way from light to dark has a contrast of its own.
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      flaws.push(...(await page.evaluate(collectFlaws)).map((flaw) => `${look}: ${flaw}`));
      pictures.push(join(folder, `${look}.png`));
      await page.screenshot({ path: join(folder, `${look}.png`), fullPage: true });
    }
  }
  if (before) await page.setViewportSize(before);
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  return { flaws, pictures };
}

/** What has the focus, by its label or text, and whether an outline shows it. Null: nothing on the page has it. */
export function describeFocus(page: Page): Promise<{ name: string; isShown: boolean } | null> {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (element === null || element === document.body) return null;
    const label = element instanceof HTMLInputElement ? element.labels?.[0] : element;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const isShown = outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2;
    return { name: label?.textContent?.trim() ?? "", isShown };
  });
}

/** Runs in the page, so it names nothing from outside itself. WCAG 2.2 AA, as far as a script can tell. */
export function collectFlaws(): string[] {
  const flaws: string[] = [];
  const root = document.documentElement;
  const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)];
  // What is there for screen readers alone is in a box of one pixel.
  const isSeen = (element: Element): boolean => {
    const { width, height } = element.getBoundingClientRect();
    if (!element.checkVisibility({ visibilityProperty: true }) || width <= 1 || height <= 1) return false;
    return element.parentElement === null || isSeen(element.parentElement);
  };
  const describe = (element: Element) =>
    `<${element.localName}> ${(element.textContent ?? "").trim().replace(/\s+/g, " ").slice(0, 40)}`;

  function checkStructure(): void {
    if (root.lang !== "en") flaws.push("no language");
    if (document.title.trim() === "") flaws.push("no title");
    for (const [selector, name] of [
      ["h1", "h1"],
      ["main", "main"],
    ] as const) {
      const count = all(selector).filter(isSeen).length;
      if (count !== 1) flaws.push(`${count} ${name}`);
    }
    const levels = all("h1, h2, h3, h4")
      .filter(isSeen)
      .map(({ localName }) => Number(localName[1]));
    levels.forEach((level, i) => {
      if (level > (levels[i - 1] ?? 0) + 1) flaws.push(`a heading of level ${level} after ${levels[i - 1]}`);
    });
    const ids = all("[id]").map(({ id }) => id);
    for (const id of ids.filter((id, i) => ids.indexOf(id) !== i))
      flaws.push(`two elements have the id ${id}`);
  }

  function checkNames(): void {
    for (const field of all("input:not([type=hidden])") as HTMLInputElement[]) {
      if (!field.labels?.[0]?.textContent?.trim()) flaws.push(`no label: ${field.name}`);
      for (const id of field.getAttribute("aria-describedby")?.split(" ") ?? [])
        if (!document.getElementById(id)?.textContent?.trim()) flaws.push(`${field.name}: nothing in #${id}`);
    }
    for (const control of all("a[href], button, summary"))
      if (!control.textContent?.trim()) flaws.push(`no name: ${control.outerHTML.slice(0, 80)}`);
    for (const picture of all("svg, img"))
      if (!picture.closest("[aria-hidden=true], [role=img][aria-label]"))
        flaws.push("a picture without a text");
  }

  function checkSizes(): void {
    if (root.scrollWidth > root.clientWidth)
      flaws.push(`scrolls sideways: ${root.scrollWidth} of ${root.clientWidth} px`);
    for (const element of all("body *").filter(isSeen))
      if (element.getBoundingClientRect().right > root.clientWidth + 0.5)
        flaws.push(`sticks out: ${describe(element)}`);
    // WCAG 2.5.8, with its exception for links in a sentence.
    for (const target of all("a[href], button, summary, input:not([type=hidden])").filter(isSeen)) {
      const { width, height } = target.getBoundingClientRect();
      const isInline = getComputedStyle(target).display === "inline";
      if (!isInline && (width < 24 || height < 24))
        flaws.push(`${Math.round(width)} by ${Math.round(height)} px to press: ${describe(target)}`);
    }
  }

  type Colour = [red: number, green: number, blue: number, alpha: number];

  function parseColour(text: string): Colour {
    const numbers = text.match(/-?[\d.]+(e-?\d+)?/g)?.map(Number) ?? [];
    const [red = 0, green = 0, blue = 0, alpha = 1] = numbers;
    return text.startsWith("color(")
      ? [red * 255, green * 255, blue * 255, alpha]
      : [red, green, blue, alpha];
  }

  const blend = (over: Colour, under: Colour): Colour => {
    const mix = (i: 0 | 1 | 2) => over[i] * over[3] + under[i] * (1 - over[3]);
    return [mix(0), mix(1), mix(2), 1];
  };

  function backgroundOf(element: Element | null): Colour {
    if (element === null) {
      const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
      return isDark ? [18, 18, 18, 1] : [255, 255, 255, 1];
    }
    const own = parseColour(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : blend(own, backgroundOf(element.parentElement));
  }

  function luminance([red, green, blue]: Colour): number {
    const linear = (value: number) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  }

  function contrast(one: Colour, other: Colour): number {
    const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  }

  function checkContrast(): void {
    const hasText = (element: Element) =>
      [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.nodeValue?.trim());
    for (const element of all("body *").filter((each) => isSeen(each) && hasText(each))) {
      if (element.closest(":disabled")) continue;
      const { color, fontSize, fontWeight } = getComputedStyle(element);
      const pixels = Number.parseFloat(fontSize);
      const isLarge = pixels >= 24 || (pixels >= 18.66 && Number(fontWeight) >= 700);
      const background = backgroundOf(element);
      const ratio = contrast(blend(parseColour(color), background), background);
      if (ratio < (isLarge ? 3 : 4.5)) flaws.push(`contrast ${ratio.toFixed(2)}: ${describe(element)}`);
    }
    for (const field of all("input:not([type=hidden])").filter(isSeen)) {
      const background = backgroundOf(field.parentElement);
      const ratio = contrast(
        blend(parseColour(getComputedStyle(field).borderTopColor), background),
        background,
      );
      if (ratio < 3) flaws.push(`contrast of a border ${ratio.toFixed(2)}: ${field.id}`);
    }
  }

  checkStructure();
  checkNames();
  checkSizes();
  checkContrast();
  return flaws;
}
