const rounded = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 2 });

/** Two digits are what an estimate has: `4,700,000`. */
export const about = (value: number): string => rounded.format(value);

/** A whole number as it is. */
export const whole = (value: number): string => new Intl.NumberFormat("en-GB").format(value);

/** Money is not told in cents here. */
export const dollars = (value: number): string => (value < 1 ? "$0" : `$${about(value)}`);

/** Times below a tenth of a millisecond are none. */
export const milliseconds = (value: number): string => `${value < 0.1 ? "0" : about(value)} ms`;

export const percent = (value: number): string => `${about(100 * value)} %`;

const units = [
  [1e12, "TB"],
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "kB"],
] as const;

/** Decimal units, which is what is billed. */
export function bytes(value: number): string {
  const [size, unit] = units.find(([size]) => value >= size) ?? [1, "B"];
  return `${about(value / size)} ${unit}`;
}
