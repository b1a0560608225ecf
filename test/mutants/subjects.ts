import type { Mutant } from "./mutant.ts";

const exact = "test/gate/exact-names.test.ts";
const unclaimed = "test/gate/unclaimed-accounts.test.ts";
const canonical = "test/gate/canonical-names.test.ts";
const unusable = "test/gate/unusable-names.test.ts";
const email = "test/gate/jwt-email.test.ts";
const api = "test/flows/external-users.test.ts";

/** Which account of an external source a name means. */
export const subjectMutants: readonly Mutant[] = [
  {
    name: "external-names-folded",
    file: "src/core/external-subject.ts",
    find: 'if (names === "canonical") return canonicalUsername(text);',
    replace: "return canonicalUsername(text);",
    why: "two accounts of the source whose names differ in case are one here (INC-27)",
    tests: ["test/core/external-subject.test.ts", exact],
    titled: "INC-27 stays as it is|are two accounts",
  },
  {
    name: "claim-without-proof",
    file: "src/store/external-users.ts",
    find: "eq(users.totpEnabled, false));",
    replace: "sql`1`);",
    why: "the first spelling that comes takes an enrolled account, and the owner's name has no second factor (INC-27)",
    tests: [unclaimed],
    titled: "proxy, at gate.*is claimed by",
  },
  {
    name: "claim-of-a-closed-account",
    file: "src/store/external-names.ts",
    find: "isNull(users.disabledAt),",
    replace: "",
    why: "a closed account is claimed by one spelling and is open to the others (INC-27)",
    tests: [unclaimed],
    titled: "proxy, at gate.*out while it is closed",
  },
  {
    name: "unclaimed-account-passes-with-one-factor",
    file: "src/domain/external-access.ts",
    find: 'if (isUnclaimed(deps, user)) return { allowed: false, reason: "second_factor_required" };',
    replace: "",
    why: "an assertion for one spelling has the account id of the other (INC-27)",
    tests: [unclaimed],
    titled: "proxy, at gate.*is claimed by",
  },
  {
    name: "code-that-claims-nothing",
    file: "src/domain/complete-sign-in.ts",
    find: "...claim(deps, view, identity, drawn.row.id),",
    replace: "",
    why: "an account stays unclaimed although its second factor was shown",
    tests: [unclaimed],
    titled: "proxy, at gate.*is claimed by",
  },
  {
    name: "email-of-another-spelling",
    file: "src/store/external-users.ts",
    find: "canonicalName === null ? undefined : eq(users.canonicalName, canonicalName);",
    replace: "undefined;",
    why: "the owner's session gets the address of an account whose name differs in spelling",
    tests: [unclaimed],
    titled: "is none of another spelling",
  },
  {
    name: "session-of-a-renamed-account",
    file: "src/domain/sessions.ts",
    find: "): boolean => session.binding === null || isAccountOf(deps, user, username);",
    replace: "): boolean => session !== null || isAccountOf(deps, user, username);",
    why: "a session goes on at an account that is another subject's by now (INC-27)",
    tests: [api],
    titled: "leaves an exact name|ends a sign-in",
  },
  {
    name: "token-names-the-account",
    file: "src/domain/sessions.ts",
    find: "): string => (binding === null ? user.username : username);",
    replace: "): string => (binding === null ? username : user.username);",
    why: "a renewed token names another spelling than the source, and the next request asks for a code again",
    tests: [canonical],
    titled: "from a time of exact names",
  },
  {
    name: "any-of-several-accounts",
    file: "src/store/external-names.ts",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a line of the source
    find: "coalesce(${closed}, ${enrolled}, ${any})",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a line of the source
    replace: "coalesce(${any}, ${closed}, ${enrolled})",
    why: "an account without a second factor stands for one with it once spellings are not told apart (INC-27)",
    tests: [canonical],
    titled: "of several accounts",
  },
  {
    name: "anonymous-name-in-any-case",
    file: "src/gate/identity/who-am-i.ts",
    find: 'const exact = readSubject(user, "exact");',
    replace: 'const exact = readSubject(user, "canonical");',
    why: "the site's account Guest passes as the anonymous guest, without a second factor (INC-27)",
    tests: ["test/gate/origin-credentials.test.ts"],
    titled: "no other spelling does",
  },
  {
    name: "rounded-number-is-a-name",
    file: "src/core/external-subject.ts",
    find: "Number.isSafeInteger(value)",
    replace: "Number.isFinite(value)",
    why: "two accounts whose numbers JSON.parse rounds to one are one here (INC-27)",
    tests: ["test/core/external-subject.test.ts", unusable],
    titled: "INC-27",
  },
  {
    name: "undecodable-name-believed",
    file: "src/core/username.ts",
    find: "forbidden.test(text) || isUndecodable(text);",
    replace: "forbidden.test(text);",
    why: "two names in Latin-1 are one account (INC-36)",
    tests: [unusable, "test/core/external-subject.test.ts"],
    titled: "INC-36",
  },
  {
    name: "undecodable-who-am-i-believed",
    file: "src/gate/identity/who-am-i.ts",
    find: "{ fatal: true, ignoreBOM: false }",
    replace: "{ fatal: false, ignoreBOM: false }",
    why: "a who-am-I that is not UTF-8 is read as something else than what it says (INC-36)",
    tests: [unusable],
    titled: "INC-36 is not believed",
  },
  {
    name: "unverified-email-is-a-name",
    file: "src/gate/identity/jwt.ts",
    find: "payload.email_verified === true || ",
    replace: "payload.email_verified === undefined || payload.email_verified === true || ",
    why: "whoever gives a provider the address of another account is that account here (INC-27)",
    tests: [email],
  },
  {
    name: "unverified-email-handed-on",
    file: "src/gate/identity/jwt.ts",
    find: 'emailClaim === "email" && isUnverified(payload) ? null : ',
    replace: "",
    why: "the origin is told an address that the provider says is not verified",
    tests: [email],
  },
];
