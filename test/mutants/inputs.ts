import type { Mutant } from "./mutant.ts";

const otpauth = "test/core/parsing/otpauth.test.ts";
const parseFields = "test/core/parsing/parse-fields.test.ts";

/** What clients and operators send in: names of fields, provisioning URIs, password hashes. */
export const inputMutants: readonly Mutant[] = [
  {
    name: "unknown-name-unescaped",
    file: "src/core/parsing/unknown-fields.ts",
    find: "/[^\\x20-\\x7e]/g",
    replace: "/[^\\x20-\\uffff]/g",
    why: "a message about an unknown field has control and bidirectional characters of the client (LG-04)",
    tests: [parseFields],
    titled: "LG-04",
  },
  {
    name: "unknown-names-unbounded",
    file: "src/core/parsing/unknown-fields.ts",
    find: "const shown = unknown.slice(0, maxNames)",
    replace: "const shown = unknown.slice(0)",
    why: "ten thousand unknown fields cost ten thousand comparisons, and are all repeated (INC-30)",
    tests: [parseFields],
    titled: "INC-30",
  },
  {
    name: "secret-as-a-name-repeated",
    file: "src/core/parsing/unknown-fields.ts",
    find: "[a-z0-9]{20}/i.test(start)",
    replace: "[a-z0-9]{200}/i.test(start)",
    why: "a secret that a client sent as the name of a field is repeated in the response, which programs log (LG-03)",
    tests: [parseFields],
    titled: "LG-03",
  },
  {
    name: "missing-before-misspelled",
    file: "src/core/parsing/parse-fields.ts",
    find: "const issue = unknown ?? issues[0];",
    replace: "const issue = issues[0];",
    why: "a misspelled required field is reported as missing, and its name is not mentioned (WB-08)",
    tests: [parseFields],
    titled: "before the one that is missing",
  },
  {
    name: "uri-period-unjudged",
    file: "src/core/parsing/totp-parameters.ts",
    find: '    describeNumber("period", period, totpPeriodSeconds),\n',
    replace: "",
    why: "an authenticator with a period of 60 seconds is imported, and none of its codes is accepted (OTP-07)",
    tests: [otpauth, "test/core/parsing/totp-parameters.test.ts"],
    titled: "OTP-07",
  },
  {
    name: "parameters-beside-secret-unjudged",
    file: "src/domain/service-api/imported-user.ts",
    find: "if (unsupported !== null)",
    replace: "if (unsupported === undefined)",
    why: "a secret with other parameters is imported, and none of its codes is accepted (OTP-07)",
    tests: ["test/flows/import-codes.test.ts"],
    titled: "OTP-07",
  },
  {
    name: "uri-parameters-that-differ",
    file: "src/core/parsing/otpauth.ts",
    find: "if (before !== undefined && before !== value)",
    replace: "if (before === undefined && before === value)",
    why: "of two secrets in one URI the last one counts, and the authenticator may use the first",
    tests: [otpauth],
    titled: "refuses two secrets",
  },
  {
    name: "uri-name-not-utf8",
    file: "src/core/parsing/otpauth.ts",
    find: "return decodeURIComponent(text.replace",
    replace: "return unescape(text.replace",
    why: "labels with different bytes become names in Latin-1 (INC-36)",
    tests: [otpauth],
    titled: "INC-36",
  },
];
