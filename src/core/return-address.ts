import { findPathReadings } from "./path-readings.ts";

/** Names that are put into the query of a return address: one that has them already could be taken for an answer. */
const answerNames = ["challenge", "receipt"] as const;

/** What is put into the query of a return address. */
export type ReturnAnswer = Partial<Record<(typeof answerNames)[number], string>>;

/**
 * The address that a browser may be sent back to, in the URL parser's normal form: it has the origin of a listed
 * address, and its path is the listed one or below it. As with rules for paths, every way to read the path counts
 * (INC-09): nothing leads out of the listed one, whoever decodes it.
 *
 * @param listed addresses without query and fragment
 * @returns null where none of them covers it, or where it has a user name, a password, or a query that looks answered
 */
export function findReturnAddress(input: string, listed: readonly string[]): string | null {
  const url = URL.parse(input);
  if (url === null || url.username !== "" || url.password !== "") return null;
  if (answerNames.some((name) => url.searchParams.has(name))) return null;
  const readings = findPathReadings(url.pathname);
  const covers = (text: string) => {
    const allowed = URL.parse(text);
    return (
      allowed !== null &&
      url.origin === allowed.origin &&
      readings !== null &&
      [...readings].every((path) => isAtOrBelow(path, allowed.pathname))
    );
  };
  return listed.some(covers) ? url.href : null;
}

const isAtOrBelow = (path: string, top: string) =>
  path === top || path.startsWith(top.endsWith("/") ? top : `${top}/`);

/** The return address with an answer at the end of its query; everything else in it stays as it is. */
export function withAnswer(returnAddress: string, answer: ReturnAnswer): string {
  const url = new URL(returnAddress);
  const query = new URLSearchParams(answer);
  url.search = url.search === "" ? String(query) : `${url.search}&${query}`;
  return url.href;
}
