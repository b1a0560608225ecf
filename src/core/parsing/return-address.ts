import { findPathVariants } from "../policy/path-variants.ts";
import { foldNameToUnderscores, listPossibleFoldedNames } from "./folded-name.ts";

/**
 * The parameters in which Sallyport returns the result of a hosted challenge: it adds them to the query of the backend's return
 * address. That address must not have one of its own.
 */
const resultParameterNames = ["challenge", "receipt"] as const;

/** The values of the parameters in which the result of a hosted challenge is returned. */
export type ChallengeResultParameters = Partial<Record<(typeof resultParameterNames)[number], string>>;

/** The outcome of {@link parseListedReturnAddress}. */
export type ReturnAddressResult =
  /** `address` is in the normal form that the URL parser gives it. */
  | { readonly ok: true; readonly address: string }
  /** The realm's list does not cover the address, or it has a user name or a password. */
  | { readonly ok: false; readonly reason: "not_listed" }
  /** The address has a parameter that a server could read as `challenge` or `receipt`. */
  | { readonly ok: false; readonly reason: "has_result_parameter" };

/**
 * Parses and checks the address to which a browser is redirected after a hosted challenge. It must have the origin of a
 * listed address, and its path must be the listed path or below it. All variants of the path are checked
 * (`core/policy/path-variants.ts`), so that no server decodes it to a path outside of the listed one (INC-09).
 *
 * If the address had a `receipt` of its own, a backend could read that one in place of Sallyport's. So no spelling of the two
 * parameters is allowed in it (INC-37).
 *
 * @param listed addresses without query and fragment
 */
export function parseListedReturnAddress(input: string, listed: readonly string[]): ReturnAddressResult {
  const url = URL.parse(input);
  if (url === null || url.username !== "" || url.password !== "") return { ok: false, reason: "not_listed" };
  const variants = findPathVariants(url.pathname);
  const covers = (text: string) => {
    const allowed = URL.parse(text);
    return (
      allowed !== null &&
      url.origin === allowed.origin &&
      variants !== null &&
      [...variants].every((path) => isAtOrBelow(path, allowed.pathname))
    );
  };
  if (!listed.some(covers)) return { ok: false, reason: "not_listed" };
  return hasResultParameter(url)
    ? { ok: false, reason: "has_result_parameter" }
    : { ok: true, address: url.href };
}

const isAtOrBelow = (path: string, top: string) =>
  path === top || path.startsWith(top.endsWith("/") ? top : `${top}/`);

/**
 * True when a server or a page's script may find a `challenge` or `receipt` parameter in the address: in the query, in the path after
 * a semicolon (RFC 3986 3.3), or in the fragment, which single-page applications parse like a path and a query.
 */
function hasResultParameter({ pathname, search, hash }: URL): boolean {
  const [, ...ofPath] = pathname.split(";");
  return [...ofPath, search, hash].some((text) =>
    // Some servers decode before they split, and some after.
    [text, decodeOnce(text)].some((it) =>
      it.split(/[?#&;/]/).some((part) => isResultParameterName(part.split("=", 1)[0] ?? "")),
    ),
  );
}

/**
 * True when a server may read the name as `challenge` or `receipt`. Compared are the whole name, the name without an
 * index (`receipt[]`), and the name up to the first character that frameworks read as access to a member or as the end of a
 * string (`receipt.x`, `receipt%00`). `receipt_id` and `receipt-no` are other names.
 */
function isResultParameterName(encodedName: string): boolean {
  const name = decodeOnce(encodedName.replaceAll("+", " ")).normalize("NFKC");
  const beforeMember = /^[\s"']*([\w-]*)/.exec(name)?.[1] ?? "";
  const foldedNames = [...listPossibleFoldedNames(name), foldNameToUnderscores(beforeMember)];
  return resultParameterNames.some((it) => foldedNames.includes(it));
}

/** Decodes all well-formed escapes once, also `%uXXXX` (IIS). Malformed escapes stay. */
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

/** Returns the backend's return address with the result of the challenge at the end of its query. Its other parts stay. */
export function addChallengeResultParameters(
  returnAddress: string,
  parameters: ChallengeResultParameters,
): string {
  const url = new URL(returnAddress);
  const query = new URLSearchParams(parameters);
  url.search = url.search === "" ? String(query) : `${url.search}&${query}`;
  return url.href;
}
