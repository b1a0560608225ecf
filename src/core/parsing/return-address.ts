import { findPathVariants } from "../policy/path-variants.ts";
import { foldName, foldParameterName } from "./folded-name.ts";

/** Names that are put into the query of a return address: one that has them already could be taken for an answer. */
const answerNames = ["challenge", "receipt"] as const;

/** What is put into the query of a return address. */
export type ReturnParameters = Partial<Record<(typeof answerNames)[number], string>>;

/** What became of an address that a backend wants a browser to come back to. */
export type ReturnAddressResult =
  /** In the URL parser's normal form. */
  | { readonly ok: true; readonly address: string }
  /** None of the listed addresses covers it, or it has a user name or a password. */
  | { readonly ok: false; readonly reason: "not_listed" }
  /** It has a parameter that a server could read as `challenge` or `receipt`. */
  | { readonly ok: false; readonly reason: "has_return_parameter" };

/**
 * Judges the address that a browser may be sent back to: it has the origin of a listed address, and its path is the
 * listed one or below it. As with rules for paths, every way to read the path counts (INC-09): nothing leads out of the
 * listed one, whoever decodes it.
 *
 * An address that brings a `receipt` of its own could make a backend read that one in the place of Sallyport's, so no
 * spelling of the two names is allowed in it (INC-37).
 *
 * @param listed addresses without query and fragment
 */
export function parseReturnAddress(input: string, listed: readonly string[]): ReturnAddressResult {
  const url = URL.parse(input);
  if (url === null || url.username !== "" || url.password !== "") return { ok: false, reason: "not_listed" };
  const readings = findPathVariants(url.pathname);
  const covers = (text: string) => {
    const allowed = URL.parse(text);
    return (
      allowed !== null &&
      url.origin === allowed.origin &&
      readings !== null &&
      [...readings].every((path) => isAtOrBelow(path, allowed.pathname))
    );
  };
  if (!listed.some(covers)) return { ok: false, reason: "not_listed" };
  return looksAnswered(url) ? { ok: false, reason: "has_return_parameter" } : { ok: true, address: url.href };
}

const isAtOrBelow = (path: string, top: string) =>
  path === top || path.startsWith(top.endsWith("/") ? top : `${top}/`);

/**
 * Whether a server or a page's script may find one of the answer's names among the parameters: of the query, of the path
 * behind a semicolon (RFC 3986 3.3), or of the fragment, which single-page applications read like an address.
 */
function looksAnswered({ pathname, search, hash }: URL): boolean {
  const [, ...ofPath] = pathname.split(";");
  return [...ofPath, search, hash].some((text) =>
    // Some servers decode before they separate, and some after.
    [text, decodeOnce(text)].some((reading) =>
      reading.split(/[?#&;/]/).some((part) => readsAsAnswer(part.split("=", 1)[0] ?? "")),
    ),
  );
}

/**
 * A name counts as a whole, without an index (`receipt[]`), and up to the first character that frameworks read as a step
 * into an object or as the end of a string (`receipt.x`, `receipt%00`). `receipt_id` and `receipt-no` are other names.
 */
function readsAsAnswer(written: string): boolean {
  const name = decodeOnce(written.replaceAll("+", " ")).normalize("NFKC");
  const upToStep = /^[\s"']*([\w-]*)/.exec(name)?.[1] ?? "";
  const readings = [...foldParameterName(name), foldName(upToStep)];
  return answerNames.some((answerName) => readings.includes(answerName));
}

/** Decodes whatever is an escape, also `%uXXXX` (IIS). One that is malformed stays as it is and does not hide the rest. */
function decodeOnce(text: string): string {
  return text
    .replace(/%u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/(?:%[89a-f][0-9a-f])+|%[0-7][0-9a-f]/gi, (run) => {
      try {
        return decodeURIComponent(run);
      } catch {
        return run;
      }
    });
}

/** The return address with an answer at the end of its query; everything else in it stays as it is. */
export function withReturnParameters(returnAddress: string, answer: ReturnParameters): string {
  const url = new URL(returnAddress);
  const query = new URLSearchParams(answer);
  url.search = url.search === "" ? String(query) : `${url.search}&${query}`;
  return url.href;
}
