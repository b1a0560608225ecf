/** What only the gate may say. */
export const identityHeaders = ["Remote-User", "Remote-Email", "X-Sallyport-Assertion"];

/** Every way to write a header name that some server reads as the same: `_` and `.` for `-`, and three cases. */
export function spellings(name: string): string[] {
  const [first = "", ...rest] = name.split("-");
  const joined = rest.reduce((heads, part) => heads.flatMap((head) => join(head, part)), [first]);
  return joined.flatMap((written) => [written, written.toLowerCase(), written.toUpperCase()]);
}

const join = (head: string, part: string) => ["-", "_", "."].map((separator) => head + separator + part);

/** The name in the one spelling that stands for all. */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/[_.]/g, "-");
}
