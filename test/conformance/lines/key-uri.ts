import { type Deployment, must } from "../deployment.ts";
import type { Line } from "../line.ts";

/** A parser of key URIs as an app may have one: by hand, from the format's description. */
function parseKeyUri(uri: string) {
  const [, label = "", query = ""] = /^otpauth:\/\/totp\/([^?]+)\?(.+)$/.exec(uri) ?? [];
  const [issuer = "", account = ""] = decodeURIComponent(label).split(/:(.*)/s);
  const parameters = new Map(
    query.split("&").map((pair): [string, string] => {
      const [name = "", value = ""] = pair.split("=");
      return [name, decodeURIComponent(value)];
    }),
  );
  return { issuer, account: account.trimStart(), parameters, query };
}

async function setUp(d: Deployment, username: string) {
  const { key } = await d.createKey();
  const id = crypto.randomUUID();
  await d.ask(`/v1/users/${id}`, { method: "PUT", body: { username }, bearer: key });
  const { json } = await d.ask(`/v1/users/${id}/totp`, { method: "POST", bearer: key });
  return json.data as { secret: string; provisioning_uri: string; qr_code: string };
}

export const keyUriLines: readonly Line[] = [
  {
    id: "URI-01",
    requirement: "The label is issuer:account, percent-encoded, and has the same issuer as the parameter",
    check: async (d) => {
      const { provisioning_uri: uri } = await setUp(d, "a+b:c d@x.y");
      const mine = parseKeyUri(uri);
      const platform = new URL(uri);
      must(mine.account === "a+b:c d@x.y", `one parser reads the account: ${mine.account}`);
      must(mine.parameters.get("issuer") === mine.issuer, "the issuer stands in both places");
      const label = decodeURIComponent(platform.pathname.split("/").at(-1) ?? "");
      must(label === `${mine.issuer}:${mine.account}`, "another parser reads the same label");
      must(platform.searchParams.get("issuer") === mine.issuer, "another parser reads the same issuer");
      must(!mine.query.includes("+") && !/\s/.test(uri), "a space is %20");
    },
  },
  {
    id: "URI-02",
    requirement: "The secret is base32 in upper case without padding",
    check: async (d) => {
      const { secret, provisioning_uri: uri } = await setUp(d, "ada");
      must(/^[A-Z2-7]{32}$/.test(secret), "the secret has the form");
      must(parseKeyUri(uri).parameters.get("secret") === secret, "it is the one in the URI");
    },
  },
  {
    id: "URI-03",
    requirement: "SHA-1, 6 digits, 30 seconds",
    check: async (d) => {
      const { parameters } = parseKeyUri((await setUp(d, "ada")).provisioning_uri);
      const shown = ["algorithm", "digits", "period"].map((name) => parameters.get(name)).join(" ");
      must(shown === "SHA1 6 30", `the URI says ${shown}`);
    },
  },
  {
    id: "URI-04",
    requirement: "A secret is in no address and is sent to no third party",
    check: async (d) => {
      const { qr_code: picture } = await setUp(d, "ada");
      must(picture.startsWith("data:image/svg+xml;base64,"), "the QR code is in the answer itself");
      const policy = (await d.ask("/sign-in")).headers.get("Content-Security-Policy") ?? "";
      must(/img-src 'self' data:(;|$)/.test(policy), "pages load pictures from nowhere else");
    },
  },
  {
    id: "URI-05",
    requirement: "An independent decoder reads exactly the URI from the QR code",
    heldBy: "test/e2e/journey.test.ts: zbarimg reads the page's screenshot",
    because: "a decoder is a program, and not part of a deployment",
  },
];
