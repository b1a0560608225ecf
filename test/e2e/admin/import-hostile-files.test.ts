import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { formatNames, ownFormat } from "../../../scripts/admin/import-formats/format-list.ts";
import type { JudgedEntry } from "../../../scripts/admin/import-plan.ts";
import { buildAuthenticatorFiles } from "./import-files/authenticator-files.ts";
import { type ImportCase, secretOf } from "./import-files/import-case.ts";
import { type Planned, planFile, shownText } from "./import-files/plan-file.ts";
import { buildPrivacyideaFiles } from "./import-files/privacyidea-files.ts";
import { buildProviderFiles } from "./import-files/provider-files.ts";

const cases = [...(await buildAuthenticatorFiles()), ...buildProviderFiles(), ...buildPrivacyideaFiles()];

function assertNoSecret(planned: Planned, { secrets }: Pick<ImportCase, "secrets">): void {
  const text = shownText(planned).toUpperCase();
  for (const secret of Object.values(secrets)) assert.ok(!text.includes(secret.slice(0, 12)), text);
}

/** The format that the case names or that is recognised, and the password. */
const optionsOf = ({ format, password, args }: ImportCase) => ({
  ...(args?.includes("--format") ? { format } : {}),
  ...(args?.includes("serial") ? { username: "serial" as const } : {}),
  ...(password === undefined ? {} : { password }),
});

function refusalOf(planned: Planned): string {
  assert.ok("refusal" in planned, JSON.stringify(planned).slice(0, 300));
  return planned.refusal;
}

function planOf(planned: Planned) {
  assert.ok("plan" in planned, shownText(planned));
  return planned;
}

/**
 * No account comes in without a second factor that the whole file has. A secret can differ only in the last line: a list of lines
 * does not show that its last line is incomplete.
 */
function assertOnlyLastDiffers(entries: readonly JudgedEntry[], one: ImportCase): void {
  for (const { number, verdict } of entries) {
    if (verdict.kind !== "imported" || number === entries.length) continue;
    const { username, secret } = JSON.parse(verdict.line);
    assert.equal(
      secret?.toUpperCase().replaceAll(" ", ""),
      one.secrets[username],
      `${one.name}: ${username}`,
    );
  }
}

describe("a file that is not what it should be", () => {
  it("is refused or reported wherever it was cut off, and its secrets are not shown", async () => {
    for (const one of cases) {
      const whole = Buffer.from(one.content);
      for (const part of [0, 0.03, 0.3, 0.6, 0.9, 0.99]) {
        const cut = whole.subarray(0, Math.floor(whole.length * part));
        const planned = await planFile(cut, optionsOf(one));
        assertNoSecret(planned, one);
        if ("plan" in planned) assertOnlyLastDiffers(planned.entries, one);
      }
    }
  });

  it("imports nothing when one document was cut off", async () => {
    const isDocument = ({ content }: ImportCase) => /^\s*[{[<]/.test(content.toString());
    const documents = cases.filter((one) => one.name !== "andotp-old" && isDocument(one));
    assert.ok(documents.length > 10);
    for (const one of documents) {
      if (one.name === "auth0") continue;
      const whole = Buffer.from(one.content);
      const planned = await planFile(whole.subarray(0, Math.floor(whole.length * 0.8)), optionsOf(one));
      assert.match(refusalOf(planned), /incomplete|valid JSON|well-formed|not recognised/, one.name);
    }
  });

  it("is refused or reported when --format names another format", async () => {
    for (const one of cases)
      for (const format of formatNames.filter((name) => name !== ownFormat)) {
        const planned = await planFile(one.content, { ...optionsOf(one), format });
        assertNoSecret(planned, one);
        if (format === one.format) assert.ok(planOf(planned).plan.imported > 0, one.name);
      }
  });

  it("never uses or shows a URI in the place of a name", async () => {
    const uri = `otpauth://totp/Shop:ada?secret=${secretOf()}`;
    const table = [
      "username,issuer,email,secret",
      `${uri},Shop,,${secretOf()}`,
      `bob,${uri},,AAAA`,
      `,,${uri},x`,
    ];
    const planned = planOf(await planFile(table.join("\n")));
    assert.ok(!shownText(planned).includes("secret="), shownText(planned));
    const names = planned.entries.map(({ verdict }) =>
      verdict.kind === "irrelevant" ? null : verdict.username,
    );
    assert.deepEqual(names, [null, "bob", null]);
    const other = planOf(await planFile(table.join("\n"), { issuer: "Forum" }));
    assert.ok(!shownText(other).includes("secret="), shownText(other));
  });

  it("is refused with another password, which changes nothing", async () => {
    const encrypted = cases.filter(({ password }) => password !== undefined);
    assert.equal(encrypted.length, 8);
    for (const one of encrypted) {
      const password = one.format === "pskc" ? "f".repeat(32) : "another password";
      const planned = await planFile(one.content, { ...optionsOf(one), password });
      if ("plan" in planned) assert.equal(planned.plan.imported, 0, one.name);
      else
        assert.match(
          planned.refusal,
          /password is wrong|password is wrong, or the file was changed/,
          one.name,
        );
      assert.ok(!shownText(planned).includes(password));
    }
  });

  it("is refused when a bit of its ciphertext was changed", async () => {
    const flip = (text: string, pattern: RegExp) =>
      text.replace(
        pattern,
        (whole, before: string, letter: string) =>
          before + (letter === "A" ? "B" : "A") + whole.slice(before.length + 1),
      );
    for (const [name, pattern] of [
      ["aegis-encrypted", /("db": ")(.)/],
      ["twofas-encrypted", /("servicesEncrypted":")(.)/],
      ["ente-encrypted", /("encryptedData": ")(.)/],
      ["pskc-key", /(<\/pskc:MACMethod>[\s\S]*?<xenc:CipherValue>)(.)/],
    ] as const) {
      const one = cases.find((each) => each.name === name);
      assert.ok(one !== undefined);
      const text = one.content.toString();
      const changed = flip(text, pattern);
      assert.notEqual(changed, text, name);
      const planned = await planFile(changed, optionsOf(one));
      if ("plan" in planned) {
        assert.equal(planned.plan.imported, Object.keys(one.secrets).length - 1);
        assert.match(planned.plan.leftOut[0]?.detail ?? "", /MAC is wrong/);
      } else assert.match(planned.refusal, /password is wrong/);
    }
  });

  it("is recognised as no text when it has bytes that are not UTF-8, with the line", async () => {
    const lines = `username,secret\nada,${secretOf()}\n`;
    const latin1 = Buffer.concat([Buffer.from(lines), Buffer.from([0x4a, 0xfc, 0x72, 0x67, 0x0a])]);
    assert.match(refusalOf(await planFile(latin1)), /no UTF-8 text.*line/);
  });

  it("names the line of a quote that does not end", async () => {
    const rows = ["username,secret", `ada,${secretOf()}`, `"bob,${secretOf()}`, `cleo,${secretOf()}`];
    assert.match(
      refusalOf(await planFile(rows.join("\n"))),
      /CSV file is wrong at about line \d+: the file ends inside quotes/,
    );
  });

  it("names the line and column of an error in JSON, and repeats nothing of it", async () => {
    const [one] = cases.filter(({ name }) => name === "aegis");
    const broken = one?.content.toString().replace(/"secret": "/, '"secret": ');
    const refusal = refusalOf(await planFile(broken ?? ""));
    assert.match(refusal, /no valid JSON: line \d+, about column \d+/);
  });

  it("is refused when it is larger than a document may be", async () => {
    const large = Buffer.alloc(64 * 1024 * 1024 + 1, " ");
    large.write('{\n"header":');
    assert.match(refusalOf(await planFile(large)), /larger than 64 MiB/);
  });

  it("says which formats there are when none is recognised", async () => {
    assert.match(refusalOf(await planFile("nonsense\n")), /not recognised.*--format: 2fas, aegis/);
    assert.match(refusalOf(await planFile("")), /empty/);
    assert.match(refusalOf(await planFile("x", { format: "constructor" })), /no format constructor/);
  });
});

describe("an account whose second factor is in a place that is not read", () => {
  const bcrypt = `$2b$10$${"N".repeat(53)}`;
  const reasonsOf = async (content: string) =>
    planOf(await planFile(content)).entries.map(({ verdict }) =>
      verdict.kind === "left_out" ? verdict.detail : verdict.kind,
    );

  it("does not come in from a table with an unknown column", async () => {
    const rows = [
      `ada,${bcrypt},${secretOf()},`,
      `bob,${bcrypt},,otpauth://totp/a?secret=${secretOf()}`,
      `cleo,${bcrypt},,`,
    ];
    const reasons = await reasonsOf(["username,password_hash,totp secret key,2fa", ...rows].join("\n"));
    assert.match(reasons[0] ?? "", /totp_secret_key looks like a secret/);
    assert.match(reasons[1] ?? "", /2fa looks like a secret/);
    assert.equal(reasons[2], "imported");
  });

  it("does not come in from lines that look like those of Auth0", async () => {
    const lines = [
      { user_id: "1", email: "ada@example.com", totp_secret: secretOf() },
      { user_id: "2", email: "bob@example.com", multifactor: "guardian" },
    ];
    const reasons = await reasonsOf(lines.map((line) => JSON.stringify(line)).join("\n"));
    assert.match(reasons[0] ?? "", /totp_secret looks like a secret/);
    assert.equal(reasons[1], "imported");
  });

  it("does not come in from a Keycloak export with another kind of credential, or without the secret", async () => {
    const other = { type: "sms-2fa", secretData: "{}", credentialData: "{}" };
    const users = [
      { username: "ada", credentials: [other] },
      { username: "bob", totp: true, credentials: [] },
      { username: "cleo", totp: false, credentials: [{ type: "password-history" }] },
    ];
    const reasons = await reasonsOf(JSON.stringify({ realm: "shop", users }));
    assert.match(reasons[0] ?? "", /a credential other than/);
    assert.match(reasons[1] ?? "", /whose secret is not in the file/);
    assert.equal(reasons[2], "imported");
  });

  it("does not come in from a dump without the table of factors, or without the names of its columns", async () => {
    const users = `COPY auth.users (id, email) FROM stdin;\n${randomUUID()}\tada@example.com\n\\.\n`;
    const end = "-- PostgreSQL database dump complete\n";
    assert.match(refusalOf(await planFile(`--\n${users}${end}`)), /no auth.mfa_factors/);
    const factors = "INSERT INTO auth.mfa_factors VALUES\n('f', 'u', 'totp'),\n('g', 'v', 'totp');\n";
    assert.match(
      refusalOf(await planFile(`--\n${users}${factors}${end}`)),
      /another form than pg_dump writes/,
    );
  });

  it("is not shown where it stands in the place of a type", async () => {
    const secret = secretOf();
    const planned = planOf(await planFile(`username,secret,type\nada,x,${secret}\nbob,x,steam`));
    assert.ok(!shownText(planned).includes(secret.slice(0, 8)), shownText(planned));
    assert.match(shownText(planned), /another type than TOTP: steam/);
  });
});

describe("a file that attacks its reader", () => {
  const keyContainer = (inside: string) =>
    `<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc">${inside}</KeyContainer>`;

  it("can't expand entities, or read other files with them", async () => {
    const bomb = Array.from({ length: 20 }, (_, n) => `<!ENTITY e${n + 1} "&e${n};&e${n};&e${n};">`).join("");
    for (const type of [
      `<!DOCTYPE x [<!ENTITY e0 "x">${bomb}]>`,
      '<!DOCTYPE x [<!ENTITY e20 SYSTEM "file:///etc/passwd">]>',
      '<!doctype x SYSTEM "http://127.0.0.1:1/x.dtd">',
    ]) {
      const planned = await planFile(`<?xml version="1.0"?>${type}${keyContainer("<x>&e20;</x>")}`);
      assert.match(refusalOf(planned), /document type/);
    }
    // Without a document type there is no entity.
    refusalOf(await planFile(keyContainer("<KeyPackage><Key>&e20;</Key></KeyPackage>")));
  });

  it("can't expand aliases in YAML", async () => {
    const levels = Array.from(
      { length: 12 },
      (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}, *a${n}, *a${n}]`,
    );
    const yaml = ["totp_configurations: []", 'a0: &a0 "x"', ...levels].join("\n");
    assert.match(refusalOf(await planFile(yaml)), /aliases/);
  });

  it("can't add accounts by a text in a dump that looks like a statement", async () => {
    const [id, secret] = [randomUUID(), secretOf()];
    const users = `INSERT INTO auth.users (id, email) VALUES ('${id}', 'ada@example.com');`;
    const factors = `INSERT INTO auth.mfa_factors (user_id, factor_type, status, secret) VALUES ('${id}', 'totp', 'verified', '${secret}');`;
    const evil = `\nINSERT INTO auth.users (id, email) VALUES ('${randomUUID()}', 'evil@example.com');\n`;
    const quoted = evil.replaceAll("'", "''");
    const dump = [
      "--\n-- PostgreSQL database dump\n--",
      `INSERT INTO public.posts (body) VALUES ('${quoted}'), (E'\\'${quoted}');`,
      `CREATE FUNCTION public.f() RETURNS void LANGUAGE sql AS $body$${evil}$body$;`,
      `COPY public.posts (body) FROM stdin;${evil}\\.`,
      users,
      `/*${evil}*/`,
      `SELECT 1 AS "${evil}";`,
      factors,
      "-- PostgreSQL database dump complete",
    ].join("\n");
    const { entries } = planOf(await planFile(dump));
    assert.deepEqual(
      entries.map(({ verdict }) => (verdict.kind === "imported" ? verdict.username : verdict.kind)),
      ["ada@example.com"],
    );
    for (const cut of [dump.replace(/-- PostgreSQL database dump complete/, ""), dump.replace("\\.", "")])
      assert.match(refusalOf(await planFile(cut)), /dump is incomplete/);
  });

  it("can't exhaust the stack by nesting", async () => {
    const depth = 20_000;
    for (const content of [
      `${"[".repeat(depth)}${"]".repeat(depth)}`,
      "[".repeat(depth),
      `{"header":${"[".repeat(depth)}`,
      keyContainer("<a>".repeat(depth) + "</a>".repeat(depth)),
      `totp_configurations:\n${"- ".repeat(depth)}x`,
      `totp_configurations: ${"[".repeat(3000)}`,
    ])
      shownText(await planFile(content));
  });

  it("can't ask for a password hash that stops the machine", async () => {
    const aegis = cases.find(({ name }) => name === "aegis-encrypted")?.content.toString() ?? "";
    const ente = cases.find(({ name }) => name === "ente-encrypted")?.content.toString() ?? "";
    const pskc = cases.find(({ name }) => name === "pskc-password")?.content.toString() ?? "";
    for (const content of [
      aegis.replace('"n": 32768', '"n": 1073741824'),
      aegis.replace('"n": 32768', '"n": 2097152'),
      aegis.replace('"n": 32768', '"n": 12345'),
      aegis.replace('"p": 1', '"p": 100000'),
      ente.replace(/"memLimit": \d+/, '"memLimit": 4294967296'),
      ente.replace(/"opsLimit": \d+/, '"opsLimit": 100000000'),
      pskc.replace("<IterationCount>100000<", "<IterationCount>4000000000<"),
      pskc.replace("<IterationCount>100000<", "<IterationCount>x<"),
    ])
      assert.match(refusalOf(await planFile(content)), /costs too much/);
  });

  it("can't reach the prototype of an object", async () => {
    const secret = secretOf();
    const entry = { type: "totp", name: "ada", issuer: "Shop", info: { secret } };
    const text = JSON.stringify({ header: { slots: null }, db: { entries: [entry] } }).replace(
      '"type"',
      '"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"type"',
    );
    assert.equal(planOf(await planFile(text)).plan.imported, 1);
    const table = `username,secret,__proto__,constructor\nbob,${secret},{},{}`;
    const { plan, notes } = planOf(await planFile(table));
    assert.equal(plan.imported, 1);
    assert.match(notes.join(), /not used: __proto__, constructor/);
    const yaml = `totp_configurations:\n- __proto__:\n    polluted: true\n  username: x\n  secret: ${Buffer.from(secret).toString("base64")}\n`;
    assert.equal(planOf(await planFile(yaml)).plan.imported, 1);
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });

  it("can't give an account an invisible name, or a name that breaks a line", async () => {
    const secret = secretOf();
    const names = ["ad\u202ea", "ada\u0000", "a\u001b[2Jda", "\u200bada", "x".repeat(300), "%ff"];
    const lines = names.map(
      (name) =>
        `otpauth://totp/Shop:${name.startsWith("%") ? name : encodeURIComponent(name)}?secret=${secret}`,
    );
    const { plan } = planOf(await planFile(lines.join("\n")));
    assert.equal(plan.imported, 0);
    assert.deepEqual(new Set(plan.leftOut.map(({ reason }) => reason)), new Set(["invalid"]));
  });

  it("keeps a formula in a table as the text that it is", async () => {
    const { entries } = planOf(await planFile(`username,secret\n"=1+1","${secretOf()}"\n+cmd,${secretOf()}`));
    const names = entries.map(({ verdict }) => (verdict.kind === "imported" ? verdict.username : null));
    assert.deepEqual(names, ["=1+1", "+cmd"]);
  });

  it("has no line, row or count that is read as another one", async () => {
    const secret = secretOf();
    const { plan } = planOf(
      await planFile(
        [
          "username,secret,digits,period",
          `a,${secret},0x6,30`,
          `b,${secret},6,3e1`,
          `c,${secret},6,-30`,
          `d,${secret},6,30,extra`,
        ].join("\n"),
      ),
    );
    assert.deepEqual(
      plan.leftOut.map(({ reason }) => reason),
      ["enrol_again", "enrol_again", "enrol_again", "invalid"],
    );
  });

  it("is read line by line when it has many", async () => {
    const count = 50_000;
    const secret = secretOf();
    const rows = Array.from({ length: count }, (_, n) => `user${n},${secret}`);
    const planned = planOf(await planFile(`username,secret\n${rows.join("\n")}`));
    assert.deepEqual([planned.plan.entries, planned.plan.imported], [count, count]);
  });
});
