import { createCipheriv, createHash, pbkdf2Sync, randomBytes, randomUUID, scryptSync } from "node:crypto";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import sodium from "libsodium-wrappers-sumo";
import { type ImportCase, newSecret, secretOf } from "./import-case.ts";

const password = "correct horse";

function sealGcm(key: Buffer, plain: string | Buffer) {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  return { nonce, ciphertext, tag: cipher.getAuthTag() };
}

interface GoogleAccount {
  readonly secret: Buffer;
  readonly name: string;
  readonly issuer: string;
  readonly algorithm?: number;
  readonly digits?: number;
  readonly type?: number;
}

/** A QR code of Google Authenticator. */
export function migrationUri(accounts: readonly GoogleAccount[], [index, size]: [number, number]): string {
  const payload = new BinaryWriter();
  for (const { secret, name, issuer, algorithm = 1, digits = 1, type = 2 } of accounts) {
    payload.tag(1, WireType.LengthDelimited).fork();
    payload.tag(1, WireType.LengthDelimited).bytes(secret);
    payload.tag(2, WireType.LengthDelimited).string(name);
    payload.tag(3, WireType.LengthDelimited).string(issuer);
    payload.tag(4, WireType.Varint).int32(algorithm);
    payload.tag(5, WireType.Varint).int32(digits);
    payload.tag(6, WireType.Varint).int32(type);
    payload.join();
  }
  payload.tag(2, WireType.Varint).int32(1);
  payload.tag(3, WireType.Varint).int32(size);
  payload.tag(4, WireType.Varint).int32(index);
  payload.tag(5, WireType.Varint).int32(-1234567);
  const data = encodeURIComponent(Buffer.from(payload.finish()).toString("base64"));
  return `otpauth-migration://offline?data=${data}`;
}

function googleCases(): ImportCase[] {
  const [ada, bob, cleo] = [newSecret(), newSecret(), newSecret()];
  const first = migrationUri(
    [
      { secret: ada.bytes, name: "Shop:ada", issuer: "Shop" },
      { secret: bob.bytes, name: "bob", issuer: "", algorithm: 0, digits: 0 },
      { secret: bob.bytes, name: "hotp", issuer: "Shop", type: 1 },
    ],
    [0, 2],
  );
  const second = migrationUri(
    [
      { secret: cleo.bytes, name: "Käthe 🔑", issuer: "Shop" },
      { secret: cleo.bytes, name: "eight", issuer: "Shop", digits: 2 },
      { secret: cleo.bytes, name: "sha512", issuer: "Shop", algorithm: 3 },
    ],
    [1, 2],
  );
  const secrets = { ada: ada.base32, bob: bob.base32 };
  const both = { ...secrets, "käthe 🔑": cleo.base32 };
  return [
    {
      name: "google",
      format: "uri",
      content: `${first}\r\n${second}\r\n`,
      secrets: both,
      leftOut: [
        ["hotp", "enrol_again"],
        ["eight", "enrol_again"],
        ["sha512", "enrol_again"],
      ],
    },
    {
      name: "google-half",
      format: "uri",
      content: first,
      secrets,
      leftOut: [
        ["hotp", "enrol_again"],
        [null, "invalid"],
      ],
    },
  ];
}

const uriOf = (account: string, secret: string, more = "") =>
  `otpauth://totp/Shop:${account}?secret=${secret}&issuer=Shop${more}`;

function uriCases(): ImportCase[] {
  const [ada, bob] = [secretOf(), secretOf()];
  const lines = [
    uriOf("ada", ada, "&algorithm=SHA1&digits=6&period=30"),
    "",
    uriOf("bob%20b", bob),
    uriOf("ada", bob),
    uriOf("minute", bob, "&period=60"),
    `otpauth://hotp/Shop:counter?secret=${bob}&counter=7`,
    "# a remark",
  ];
  const leftOut = [
    ["ada", "duplicate"],
    ["minute", "enrol_again"],
    ["counter", "enrol_again"],
    [null, "invalid"],
  ] as const;
  const expected = { format: "uri", secrets: { ada, "bob b": bob }, leftOut };
  const utf16 = Buffer.from(`\ufeff${lines.join("\r\n")}`, "utf16le");
  return [
    { name: "uris", content: lines.join("\n"), ...expected },
    { name: "uris-utf8-bom", content: `\ufeff${lines.join("\r\n")}\r\n`, ...expected },
    { name: "uris-utf16", content: utf16, ...expected },
    { name: "uris-utf16-be", content: Buffer.from(utf16).swap16(), ...expected },
  ];
}

function aegisCases(): ImportCase[] {
  const [ada, bob] = [secretOf(), secretOf()];
  const entry = (type: string, name: string, info: object) => ({
    type,
    uuid: randomUUID(),
    name,
    issuer: "Shop",
    note: "",
    favorite: false,
    icon: null,
    info,
    groups: [],
  });
  const usual = { algo: "SHA1", digits: 6, period: 30 };
  const db = {
    version: 3,
    entries: [
      entry("totp", "ada", { secret: ada, ...usual }),
      entry("hotp", "hotp", { secret: ada, algo: "SHA1", digits: 6, counter: 3 }),
      entry("steam", "steam", { secret: ada, algo: "SHA1", digits: 5, period: 30 }),
      entry("totp", "sha256", { secret: ada, algo: "SHA256", digits: 6, period: 30 }),
      entry("totp", "bob", { secret: bob, ...usual }),
      entry("totp", "broken", { secret: 7 }),
    ],
    groups: [],
  };
  const master = randomBytes(32);
  const salt = randomBytes(32);
  const kdf = { n: 32768, r: 8, p: 1 };
  const key = scryptSync(password, salt, 32, { N: kdf.n, r: kdf.r, p: kdf.p, maxmem: 2 ** 26 });
  const wrapped = sealGcm(key, master);
  const sealed = sealGcm(master, JSON.stringify(db));
  const hexOf = ({ nonce, tag }: { nonce: Buffer; tag: Buffer }) => ({
    nonce: nonce.toString("hex"),
    tag: tag.toString("hex"),
  });
  const slot = {
    type: 1,
    uuid: randomUUID(),
    key: wrapped.ciphertext.toString("hex"),
    key_params: hexOf(wrapped),
    ...kdf,
    salt: salt.toString("hex"),
    repaired: true,
    is_backup: false,
  };
  const biometric = { type: 2, uuid: randomUUID(), key: slot.key, key_params: slot.key_params };
  const encrypted = {
    version: 1,
    header: { slots: [biometric, slot], params: hexOf(sealed) },
    db: sealed.ciphertext.toString("base64"),
  };
  const plain = { version: 1, header: { slots: null, params: null }, db };
  const expected: Pick<ImportCase, "format" | "secrets" | "leftOut"> = {
    format: "aegis",
    secrets: { ada, bob },
    leftOut: [
      ["hotp", "enrol_again"],
      ["steam", "enrol_again"],
      ["sha256", "enrol_again"],
      [null, "invalid"],
    ],
  };
  return [
    { name: "aegis", content: JSON.stringify(plain, null, 4), ...expected },
    { name: "aegis-encrypted", content: JSON.stringify(encrypted, null, 4), password, ...expected },
  ];
}

function twofasCases(): ImportCase[] {
  const [ada, bob] = [secretOf(), secretOf()];
  const service = (name: string, secret: string, otp: object) => ({
    name,
    secret,
    updatedAt: 1704874073731,
    otp: {
      label: "",
      account: "",
      digits: 6,
      period: 30,
      algorithm: "SHA1",
      tokenType: "TOTP",
      source: "Link",
      ...otp,
    },
    order: { position: 0 },
  });
  const services = [
    service("Shop", ada, { account: "ada", issuer: "Shop", label: "Shop:ada" }),
    service("Shop", bob, { label: "bob" }),
    service("Steam", bob, { account: "steam", tokenType: "STEAM", digits: 5 }),
    service("Shop", bob, { account: "minute", period: 60 }),
  ];
  const salt = randomBytes(256);
  const key = pbkdf2Sync(password, salt, 10_000, 32, "sha256");
  const { nonce, ciphertext, tag } = sealGcm(key, JSON.stringify(services));
  const shared = { groups: [], updatedAt: 1704874073731, schemaVersion: 4, appVersionCode: 5000012 };
  const parts = [Buffer.concat([ciphertext, tag]), salt, nonce].map((part) => part.toString("base64"));
  const expected: Pick<ImportCase, "format" | "secrets" | "leftOut"> = {
    format: "2fas",
    secrets: { ada, bob },
    leftOut: [
      ["steam", "enrol_again"],
      ["minute", "enrol_again"],
    ],
  };
  const encrypted = { services: [], servicesEncrypted: parts.join(":"), ...shared };
  return [
    { name: "twofas", content: JSON.stringify({ services, ...shared }), ...expected },
    { name: "twofas-encrypted", content: JSON.stringify(encrypted), password, ...expected },
  ];
}

function andotpCases(): ImportCase[] {
  const [ada, bob] = [secretOf(), secretOf()];
  const item = (secret: string, label: string, more: object = {}) => ({
    secret,
    issuer: "Shop",
    label,
    digits: 6,
    type: "TOTP",
    algorithm: "SHA1",
    thumbnail: "Default",
    last_used: 1700000000000,
    used_frequency: 0,
    period: 30,
    tags: [],
    ...more,
  });
  const plain = JSON.stringify([
    item(ada, "ada"),
    item(bob, "Forum:bob", { issuer: "" }),
    item(bob, "hotp", { type: "HOTP", counter: 4 }),
  ]);
  const iterations = Buffer.alloc(4);
  iterations.writeUInt32BE(145_678);
  const salt = randomBytes(12);
  const { nonce, ciphertext, tag } = sealGcm(pbkdf2Sync(password, salt, 145_678, 32, "sha1"), plain);
  // The nonce is random, so one of 256 files begins as JSON does.
  let old = sealGcm(createHash("sha256").update(password).digest(), plain);
  while (old.nonce[0] !== "[".charCodeAt(0))
    old = sealGcm(createHash("sha256").update(password).digest(), plain);
  const expected: Pick<ImportCase, "format" | "secrets" | "leftOut"> = {
    format: "andotp",
    secrets: { ada, bob },
    leftOut: [["hotp", "enrol_again"]],
  };
  const sealed = { password, args: ["--format", "andotp"], ...expected };
  return [
    { name: "andotp", content: plain, ...expected },
    {
      name: "andotp-encrypted",
      content: Buffer.concat([iterations, salt, nonce, ciphertext, tag]),
      ...sealed,
    },
    { name: "andotp-old", content: Buffer.concat([old.nonce, old.ciphertext, old.tag]), ...sealed },
  ];
}

function freeotpCases(): ImportCase[] {
  const [ada, bob] = [newSecret(), newSecret()];
  const token = (label: string, secret: Buffer, more: object = {}) => ({
    algo: "SHA1",
    counter: 0,
    digits: 6,
    issuerExt: "Shop",
    issuerInt: "Shop",
    label,
    period: 30,
    secret: [...new Int8Array(secret)],
    type: "TOTP",
    ...more,
  });
  const tokens = [
    token("ada", ada.bytes),
    token("bob", bob.bytes),
    token("hotp", bob.bytes, { type: "HOTP" }),
  ];
  const content = JSON.stringify({ tokenOrder: ["Shop:ada", "Shop:bob", "Shop:hotp"], tokens });
  const secrets = { ada: ada.base32, bob: bob.base32 };
  return [{ name: "freeotp", format: "freeotp+", content, secrets, leftOut: [["hotp", "enrol_again"]] }];
}

function bitwardenCases(): ImportCase[] {
  const [ada, bob, cleo] = [secretOf(), secretOf(), secretOf()];
  const spaced = bob
    .toLowerCase()
    .replace(/(.{4})/g, "$1 ")
    .trim();
  const item = (name: string, login: object | undefined) => ({
    passwordHistory: null,
    id: randomUUID(),
    folderId: null,
    type: login === undefined ? 2 : 1,
    name,
    notes: null,
    favorite: false,
    ...(login === undefined ? { secureNote: { type: 0 } } : { login }),
  });
  const rows = [
    ["Shop", "ada", uriOf("ada", ada)],
    ["Shop", "bob", spaced],
    ["Shop", "steam", `steam://${bob}`],
    ["Shop", "none", ""],
    ["Shop", "", uriOf("cleo", cleo)],
  ] as const;
  const items = [
    item("A note", undefined),
    ...rows.map(([name, username, totp]) =>
      item(name, { uris: [], username: username || null, password: "not imported", totp: totp || null }),
    ),
  ];
  const header =
    "folder,favorite,type,name,notes,fields,reprompt,login_uri,login_username,login_password,login_totp";
  const csv = [
    header,
    ',,note,A note,"two\nlines",,0,,,,',
    ...rows.map(
      ([name, user, totp]) => `,,login,${name},"=cmd|' /C calc'!A0",,0,,${user},"not ""imported""",${totp}`,
    ),
  ].join("\n");
  const expected: Pick<ImportCase, "secrets" | "leftOut"> = {
    secrets: { ada, bob, cleo },
    leftOut: [["steam", "enrol_again"]],
  };
  const json = JSON.stringify({ encrypted: false, folders: [], items }, null, 2);
  return [
    { name: "bitwarden", format: "bitwarden", content: json, ...expected },
    { name: "bitwarden-csv", format: "bitwarden-csv", content: csv, ...expected },
  ];
}

async function enteCases(): Promise<ImportCase[]> {
  await sodium.ready;
  const [ada, bob] = [secretOf(), secretOf()];
  const display = encodeURIComponent(JSON.stringify({ trashed: false, pinned: false, tags: [] }));
  const text = [
    uriOf("ada", ada, `&algorithm=SHA1&digits=6&period=30&codeDisplay=${display}`),
    uriOf("bob", bob, `&algorithm=sha1&digits=6&period=30&codeDisplay=${display}`),
    `otpauth://steam/Shop:steam?secret=${bob}&algorithm=sha1&digits=5&period=30`,
  ].join("\n");
  const salt = randomBytes(16);
  const kdf = { memLimit: 64 * 1024 * 1024, opsLimit: 4 };
  const key = sodium.crypto_pwhash(
    32,
    password,
    salt,
    kdf.opsLimit,
    kdf.memLimit,
    sodium.crypto_pwhash_ALG_ARGON2ID13,
  );
  const { state, header } = sodium.crypto_secretstream_xchacha20poly1305_init_push(key);
  const final = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL;
  const sealed = sodium.crypto_secretstream_xchacha20poly1305_push(state, text, null, final);
  const encrypted = {
    version: 1,
    kdfParams: { ...kdf, salt: salt.toString("base64") },
    encryptedData: Buffer.from(sealed).toString("base64"),
    encryptionNonce: Buffer.from(header).toString("base64"),
  };
  const expected: Pick<ImportCase, "secrets" | "leftOut"> = {
    secrets: { ada, bob },
    leftOut: [["steam", "enrol_again"]],
  };
  return [
    { name: "ente", format: "uri", content: text, ...expected },
    {
      name: "ente-encrypted",
      format: "ente",
      content: JSON.stringify(encrypted, null, 2),
      password,
      ...expected,
    },
  ];
}

/** Files of authenticator apps and password managers. */
export const buildAuthenticatorFiles = async (): Promise<ImportCase[]> => [
  ...googleCases(),
  ...uriCases(),
  ...aegisCases(),
  ...twofasCases(),
  ...andotpCases(),
  ...freeotpCases(),
  ...bitwardenCases(),
  ...(await enteCases()),
];
