import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { base32nopad } from "@scure/base";
import { type ImportCase, secretOf } from "./import-case.ts";

const bcrypt = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

function autheliaCases(): ImportCase[] {
  const [ada, bob] = [secretOf(), secretOf()];
  const rows = [
    ["ada", "SHA1", 6, 30, ada],
    ["bob", "SHA1", 6, 30, bob],
    ["sha512", "SHA512", 8, 30, bob],
  ] as const;
  const csv = ["issuer,username,algorithm,digits,period,secret"];
  const yaml = [
    "# yaml-language-server: $schema=https://www.authelia.com/schemas/v4.39/json-schema/exports.totp.json",
    "totp_configurations:",
  ];
  const uris: string[] = [];
  for (const [username, algorithm, digits, period, secret] of rows) {
    csv.push(`Authelia,${username},${algorithm},${digits},${period},${secret}`);
    uris.push(
      `otpauth://totp/Authelia:${username}?algorithm=${algorithm}&digits=${digits}&issuer=Authelia&period=${period}&secret=${secret}`,
    );
    yaml.push(
      "  - created_at: 2024-02-08T21:36:12.123456Z",
      "    last_used_at: null",
      `    username: ${username}`,
      "    issuer: Authelia",
      `    algorithm: ${algorithm}`,
      `    digits: ${digits}`,
      `    period: ${period}`,
      `    secret: ${Buffer.from(secret).toString("base64")}`,
    );
  }
  const expected: Pick<ImportCase, "secrets" | "leftOut"> = {
    secrets: { ada, bob },
    leftOut: [["sha512", "enrol_again"]],
  };
  return [
    { name: "authelia-csv", format: "csv", content: `${csv.join("\n")}\n`, ...expected },
    { name: "authelia-uri", format: "uri", content: `${uris.join("\n")}\n`, ...expected },
    { name: "authelia", format: "authelia", content: `${yaml.join("\n")}\n`, ...expected },
  ];
}

/** The secrets of Keycloak are twenty letters and digits, whose bytes are the key. */
const keycloakSecret = () =>
  randomBytes(40)
    .toString("base64")
    .replace(/[^A-Za-z0-9]/g, "")
    .slice(0, 20);

function keycloakCases(): ImportCase[] {
  const [raw, other, base32] = [keycloakSecret(), keycloakSecret(), secretOf()];
  const otp = (value: string, data: object = {}) => ({
    id: randomUUID(),
    type: "otp",
    userLabel: "phone",
    createdDate: 1700000000000,
    secretData: JSON.stringify({ value }),
    credentialData: JSON.stringify({
      subType: "totp",
      digits: 6,
      counter: 0,
      period: 30,
      algorithm: "HmacSHA1",
      ...data,
    }),
  });
  const password = (algorithm: string, hashIterations: number, additionalParameters: object) => ({
    id: randomUUID(),
    type: "password",
    createdDate: 1700000000000,
    secretData: JSON.stringify({
      value: randomBytes(32).toString("base64"),
      salt: randomBytes(16).toString("base64"),
      additionalParameters: {},
    }),
    credentialData: JSON.stringify({ hashIterations, algorithm, additionalParameters }),
  });
  const pbkdf2 = password("pbkdf2-sha512", 210_000, {});
  const argon2 = password("argon2", 5, {
    hashLength: ["32"],
    memory: ["7168"],
    type: ["id"],
    version: ["1.3"],
    parallelism: ["1"],
  });
  const user = (username: string, credentials: object[], more: object = {}) => ({
    id: randomUUID(),
    username,
    email: `${username}@example.com`,
    emailVerified: true,
    createdTimestamp: 1700000000000,
    enabled: true,
    totp: credentials.length > 1,
    credentials,
    ...more,
  });
  const users = [
    user("ada", [pbkdf2, otp(raw)]),
    user("bob", [argon2, otp(base32, { secretEncoding: "BASE32" })]),
    user("two", [otp(other, { algorithm: "HmacSHA256" }), otp(other)]),
    user("sha512", [pbkdf2, otp(raw, { algorithm: "HmacSHA512" })]),
    user("hotp", [otp(raw, { subType: "hotp" })]),
    user("key", [pbkdf2, { type: "webauthn", secretData: "{}", credentialData: "{}" }]),
    user("none", [pbkdf2]),
    user("off", [], { enabled: false }),
    user("broken", [{ type: "otp", secretData: "{", credentialData: "{}" }]),
    { id: randomUUID(), username: "service-account-app", serviceAccountClientId: "app", enabled: true },
  ];
  const toSecret = (text: string) => base32nopad.encode(Buffer.from(text));
  const content = JSON.stringify({ id: randomUUID(), realm: "shop", enabled: true, users }, null, 2);
  return [
    {
      name: "keycloak",
      format: "keycloak",
      content,
      secrets: { ada: toSecret(raw), bob: base32, two: toSecret(other) },
      withoutFactor: ["none", "off"],
      leftOut: [
        ["two", "enrol_again"],
        ["sha512", "enrol_again"],
        ["hotp", "enrol_again"],
        ["key", "enrol_again"],
        ["broken", "invalid"],
      ],
    },
  ];
}

function pskcCases(): ImportCase[] {
  const read = (name: string) => readFileSync(new URL(`csv2pskc-${name}.xml`, import.meta.url));
  const expectation = (prefix: string): Pick<ImportCase, "format" | "secrets" | "leftOut"> => ({
    format: "pskc",
    secrets: {
      [`${prefix}-one`]: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
      [`${prefix}-two`]: "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U",
    },
    leftOut: [
      [`${prefix}-long`, "enrol_again"],
      [`${prefix}-hotp`, "enrol_again"],
      [`${prefix}-sha256`, "enrol_again"],
    ],
  });
  const key = "000102030405060708090a0b0c0d0e0f";
  return [
    { name: "pskc", content: read("plain"), ...expectation("pskc-plain") },
    { name: "pskc-key", content: read("key"), password: key, ...expectation("pskc-key") },
    {
      name: "pskc-password",
      content: read("password"),
      password: "correct horse",
      ...expectation("pskc-password"),
    },
  ];
}

function auth0Cases(): ImportCase[] {
  const [ada, bob] = [secretOf(), secretOf()];
  const lines = [
    {
      user_id: "auth0|1",
      email: "ada@example.com",
      username: "ada",
      mfa_factors: [{ totp: { secret: ada } }, { phone: { value: "+15551234567" } }],
    },
    { user_id: "auth0|2", email: "bob@example.com", mfa_factors: [{ totp: { secret: bob } }] },
    { user_id: "auth0|4", email: "phone@example.com", mfa_factors: [{ phone: { value: "+15551234567" } }] },
    { user_id: "auth0|3", email: "cleo@example.com", blocked: true, created_at: "2024-01-02T03:04:05.678Z" },
  ];
  const hash = { _id: { $oid: "60425dc43519d90068f82973" }, email: "dan@example.com", passwordHash: bcrypt };
  return [
    {
      name: "auth0",
      format: "auth0",
      content: [...lines, hash].map((line) => JSON.stringify(line)).join("\n"),
      secrets: { ada, "bob@example.com": bob },
      withoutFactor: ["cleo@example.com", "dan@example.com"],
      leftOut: [["phone@example.com", "enrol_again"]],
    },
    {
      name: "auth0-list",
      format: "auth0",
      content: JSON.stringify(lines, null, 2),
      secrets: { ada, "bob@example.com": bob },
      withoutFactor: ["cleo@example.com"],
      leftOut: [["phone@example.com", "enrol_again"]],
    },
  ];
}

function clerkCases(): ImportCase[] {
  const ada = secretOf();
  const header =
    "id,first_name,last_name,username,primary_email_address,primary_phone_number,verified_email_addresses,unverified_email_addresses,verified_phone_numbers,unverified_phone_numbers,totp_secret,password_digest,password_hasher";
  const rows = [
    `user_1,Ada,"L, A",ada,ada@example.com,,ada@example.com|a@example.com,,,,${ada},${bcrypt},bcrypt`,
    `user_2,Bob,B,,bob@example.com,,bob@example.com,,,,,${bcrypt},bcrypt`,
  ];
  return [
    {
      name: "clerk",
      format: "clerk",
      content: `${[header, ...rows].join("\n")}\n`,
      secrets: { ada },
      withoutFactor: ["bob@example.com"],
      leftOut: [],
    },
  ];
}

function supabaseCases(): ImportCase[] {
  const [ada, bob] = [secretOf(), secretOf()];
  const [adaId, bobId, phoneId] = [randomUUID(), randomUUID(), randomUUID()];
  const time = "2024-02-24 13:23:55.5805+00";
  const users = [
    [adaId, "ada@example.com", bcrypt],
    [bobId, "o'bob@example.com", bcrypt],
    [phoneId, "phone@example.com", bcrypt],
  ] as const;
  const factors = [
    [adaId, "unverified", "totp", bob],
    [adaId, "verified", "totp", ada],
    [bobId, "verified", "totp", bob],
    [phoneId, "verified", "phone", null],
  ] as const;
  const quote = (value: string | null) => (value === null ? "NULL" : `'${value.replaceAll("'", "''")}'`);
  const values = (rows: ReadonlyArray<ReadonlyArray<string | null>>) =>
    rows.map((row) => `\t(${row.map(quote).join(", ")})`).join(",\n");
  const inserts = `SET session_replication_role = replica;

--
-- PostgreSQL database dump
--

INSERT INTO "auth"."users" ("id", "email", "encrypted_password", "created_at", "deleted_at") VALUES
${values(users.map((row) => [...row, time, null]))};


INSERT INTO "auth"."mfa_factors" ("id", "user_id", "status", "factor_type", "secret", "created_at", "friendly_name") VALUES
${values(factors.map((row) => [randomUUID(), ...row, time, "a (b), 'c';"]))};

RESET ALL;
`;
  const cell = (value: string | null) => value ?? "\\N";
  const copies = `--
-- PostgreSQL database dump
--

COPY auth.mfa_factors (id, user_id, status, factor_type, secret, created_at, friendly_name) FROM stdin;
${factors.map((row) => [randomUUID(), ...row, time, "tab\\there"].map(cell).join("\t")).join("\n")}
\\.


COPY auth.users (id, email, encrypted_password, created_at, deleted_at) FROM stdin;
${users.map((row) => [...row, time, null].map(cell).join("\t")).join("\n")}
\\.


--
-- PostgreSQL database dump complete
--

`;
  const csv = [
    "user_id,email,encrypted_password,factor_type,status,secret",
    ...factors.map(([id, status, type, secret]) => {
      const [, email, hash] = users.find(([userId]) => userId === id) ?? [];
      return [id, email, hash, type, status, secret ?? ""].join(",");
    }),
  ].join("\r\n");
  const expected: Pick<ImportCase, "secrets" | "leftOut"> = {
    secrets: { "ada@example.com": ada, "o'bob@example.com": bob },
    leftOut: [["phone@example.com", "enrol_again"]],
  };
  return [
    { name: "supabase-insert", format: "supabase", content: inserts, ...expected },
    { name: "supabase-copy", format: "supabase", content: copies, ...expected },
    { name: "supabase-csv", format: "supabase-csv", content: csv, ...expected },
  ];
}

function oktaCases(): ImportCase[] {
  const content = [
    "User ID,Login,Email,First name,Last name,Status",
    "00u1,ada@example.com,ada@example.com,Ada,L,ACTIVE",
    "00u2,bob@example.com,bob@example.com,Bob,B,SUSPENDED",
  ].join("\n");
  const withoutFactor = ["ada@example.com", "bob@example.com"];
  return [{ name: "okta", format: "okta", content, secrets: {}, withoutFactor, leftOut: [] }];
}

function tableCases(): ImportCase[] {
  const [ada, bob, cleo] = [secretOf(), secretOf(), secretOf()];
  const hex = (base32: string) => Buffer.from(base32nopad.decode(base32)).toString("hex");
  const rows = [
    "User Name;E-Mail;Secret;Digits;otpauth;Secret hex;Team;Password-Hash",
    `Ada;ada@example.com;"${ada.toLowerCase()}";6;;;red;"${bcrypt}"`,
    `=HYPERLINK("http://x");;;;otpauth://totp/Shop:else?secret=${bob};;red;`,
    `cleo;;;;;${hex(cleo)};;`,
    "eight;;ABCDEFGHIJKLMNOPQRSTUVWXYZ234567;8;;;;",
    "short;;;",
    `nobody;;;;;xyz;;`,
    `dan;;;;;;;$unknown$hash`,
  ];
  return [
    {
      name: "table",
      format: "csv",
      content: `\ufeff${rows.join("\r\n")}\r\n`,
      secrets: { ada, '=hyperlink("http://x")': bob, cleo },
      leftOut: [
        ["eight", "enrol_again"],
        [null, "invalid"],
        ["nobody", "invalid"],
        ["dan", "invalid"],
      ],
    },
  ];
}

/** Files of identity providers, and tables. */
export const buildProviderFiles = (): ImportCase[] => [
  ...autheliaCases(),
  ...keycloakCases(),
  ...pskcCases(),
  ...auth0Cases(),
  ...clerkCases(),
  ...supabaseCases(),
  ...oktaCases(),
  ...tableCases(),
];
