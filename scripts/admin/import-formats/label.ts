import { orAbsent } from "./entry.ts";

/**
 * Splits a label `issuer:account` whose issuer is also given alone, or is only in the label.
 *
 * @param issuer the issuer as the file gives it beside the label
 */
export function splitLabel(
  issuer: string | null | undefined,
  label: string | null | undefined,
): { issuer: string | undefined; account: string | undefined } {
  const given = orAbsent(issuer);
  const text = orAbsent(label);
  if (given !== undefined && text?.startsWith(`${given}:`))
    return { issuer: given, account: orAbsent(text.slice(given.length + 1)) };
  const colon = text?.indexOf(":") ?? -1;
  if (given !== undefined || text === undefined || colon === -1) return { issuer: given, account: text };
  return { issuer: orAbsent(text.slice(0, colon)), account: orAbsent(text.slice(colon + 1)) };
}
