import { createCipheriv, createHmac, randomBytes } from "node:crypto";
import { type ImportCase, newSecret } from "./import-case.ts";

function sealCbc(key: Buffer, plain: Buffer): Buffer {
  const vector = randomBytes(16);
  const cipher = createCipheriv("aes-128-cbc", key, vector);
  return Buffer.concat([vector, cipher.update(plain), cipher.final()]);
}

/** The export of privacyIDEA in PSKC, whose XML library writes all names in lower case. It has no owners, only serial numbers. */
function pskcCase(): ImportCase {
  const [ada, other] = [newSecret(), newSecret()];
  const [key, macKey] = [randomBytes(16), randomBytes(20)];
  const keyPackage = (serial: string, type: string, secret: Buffer, [suite, step]: [string, number]) => {
    const sealed = sealCbc(key, secret);
    const mac = createHmac("sha1", macKey).update(sealed).digest("base64");
    return `<keypackage>
<deviceinfo><manufacturer>privacyIDEA</manufacturer><serialno>${serial}</serialno></deviceinfo>
<key algorithm="urn:ietf:params:xml:ns:keyprov:pskc:${type}" id="${serial}">
<issuer>privacyIDEA</issuer>
<algorithmparameters><responseformat encoding="DECIMAL" length="6"></responseformat><suite hashalgo="${suite}"></suite></algorithmparameters>
<data><secret><encryptedvalue><xenc:encryptionmethod algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"></xenc:encryptionmethod>
<xenc:cipherdata><xenc:ciphervalue>${sealed.toString("base64")}</xenc:ciphervalue></xenc:cipherdata></encryptedvalue>
<valuemac>${mac}</valuemac></secret>
<time><plainvalue>0</plainvalue></time><timeinterval><plainvalue>${step}</plainvalue></timeinterval>
<counter><plainvalue>3</plainvalue></counter><timedrift><plainvalue>0</plainvalue></timedrift></data>
</key></keypackage>`;
  };
  const content = `<keycontainer version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" xmlns:xenc="http://www.w3.org/2001/04/xmlenc#">
<encryptionkey><ds:keyname>Pre-shared-key</ds:keyname></encryptionkey>
<macmethod algorithm="http://www.w3.org/2000/09/xmldsig#hmac-sha1"><mackey>
<xenc:encryptionmethod algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"></xenc:encryptionmethod>
<xenc:cipherdata><xenc:ciphervalue>${sealCbc(key, macKey).toString("base64")}</xenc:ciphervalue></xenc:cipherdata>
</mackey></macmethod>
${keyPackage("TOTP0001", "totp", ada.bytes, ["sha1", 30])}
${keyPackage("TOTP0002", "totp", other.bytes, ["sha256", 30])}
${keyPackage("HOTP0003", "hotp", other.bytes, ["sha1", 0])}
</keycontainer>
`;
  return {
    name: "privacyidea-pskc",
    format: "pskc",
    content,
    password: key.toString("hex"),
    args: ["--username", "serial"],
    secrets: { totp0001: ada.base32 },
    leftOut: [
      ["TOTP0002", "enrol_again"],
      ["HOTP0003", "enrol_again"],
    ],
  };
}

function listCases(): ImportCase[] {
  const [ada, bob] = [newSecret(), newSecret()];
  const csv = [
    `ada@shop, TOTP0001, ${ada.bytes.toString("hex")}, totp, 6, None`,
    `bob@shop, TOTP0002, ${bob.bytes.toString("hex")}, totp, 6, 30`,
    `eve@shop, TOTP0003, ${bob.bytes.toString("hex")}, totp, 8, 30`,
    `hal@shop, HOTP0004, ${bob.bytes.toString("hex")}, hotp, 6`,
    `n/a, TOTP0005, ${bob.bytes.toString("hex")}, totp, 6, 30`,
  ];
  const token = (owner: string, serial: string, otpkey: string, [hashlib, type]: [string, string]) =>
    `- count: 0
  description: ''
  info_list:
    hashlib: ${hashlib}
    timeStep: '30'
    tokenkind: software
  otpkey: ${otpkey}
  otplen: 6
  owner: ${owner}
  realms:
  - shop
  serial: ${serial}
  type: ${type}
`;
  const yaml = [
    token("ada@shop", "TOTP0001", ada.bytes.toString("hex"), ["sha1", "totp"]),
    token("bob@shop", "TOTP0002", bob.base32, ["sha1", "totp"]),
    token("eve@shop", "TOTP0003", bob.base32, ["sha512", "totp"]),
    token("hal@shop", "HOTP0004", bob.base32, ["sha1", "hotp"]),
    token("n/a", "TOTP0005", bob.base32, ["sha1", "totp"]),
  ].join("");
  const expected: Pick<ImportCase, "secrets" | "leftOut"> = {
    secrets: { ada: ada.base32, bob: bob.base32 },
    leftOut: [
      ["eve", "enrol_again"],
      ["hal", "enrol_again"],
      ["TOTP0005", "invalid"],
    ],
  };
  return [
    { name: "privacyidea-csv", format: "privacyidea-csv", content: `${csv.join("\n")}\n`, ...expected },
    { name: "privacyidea-yaml", format: "privacyidea", content: yaml, ...expected },
  ];
}

/** Files of privacyIDEA's token janitor. */
export const buildPrivacyideaFiles = (): ImportCase[] => [pskcCase(), ...listCases()];
