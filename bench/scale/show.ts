const rounded = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 2 });

/** Formats an estimate with two significant digits: `4,700,000`. */
export const about = (value: number): string => rounded.format(value);

/** Formats a whole number. */
export const whole = (value: number): string => new Intl.NumberFormat("en-GB").format(value);

/** Formats an amount without cents. */
export const dollars = (value: number): string => (value < 1 ? "$0" : `$${about(value)}`);

/** Formats a duration. Durations below 0.1 ms are shown as 0. */
export const milliseconds = (value: number): string => `${value < 0.1 ? "0" : about(value)} ms`;

export const percent = (value: number): string => `${about(100 * value)} %`;

const units = [
  [1e12, "TB"],
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "kB"],
] as const;

/** Formats a size in decimal units, which are the billed units. */
export function bytes(value: number): string {
  const [size, unit] = units.find(([size]) => value >= size) ?? [1, "B"];
  return `${about(value / size)} ${unit}`;
}
