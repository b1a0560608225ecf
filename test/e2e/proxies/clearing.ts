import assert from "node:assert/strict";
import { after, before, it, type TestContext } from "node:test";
import { knownHeaders } from "../../../scripts/examples/known-headers.ts";
import { separators } from "../../../scripts/examples/name-patterns.ts";
import { ownCookieNames } from "../../../scripts/examples/own-cookies.ts";
import { clearedHeaderFamilies } from "../../../src/core/policy/cleared-header-names.ts";
import { createApiAccount, enrol } from "../support/api-account.ts";
import { cameFromCgiSite, environmentIn, inputIn } from "../support/cgi-answer.ts";
import { Client } from "../support/client.ts";
import type { Worker } from "../support/worker.ts";

/** The gate, or a proxy with the Worker beside it, in front of the CGI site. */
export interface Front {
  readonly baseUrl: string;
  /** It clears a family's headers that no list names, too, when they are written with `-`. */
  readonly clearsFamilies: boolean;
  readonly hidesCookies: boolean;
  readonly stop: () => Promise<void>;
}

/** Stands in every value that must not arrive. */
const forged = "forged-by-the-client";

const openPath = "/public/page";

/** One name for each family that no list has. */
const unlisted = clearedHeaderFamilies.map((family) => `${family.replaceAll("_", "-")}-zz`);

/** A separator, or two that take turns. */
const spellings = [...separators, "_~", "-_", ".-"];

/** Requests with few headers: one that is refused has to be sent again for each name. */
const chunksOf = (names: readonly string[]) =>
  names.flatMap((_, i) => (i % chunkLength === 0 ? [names.slice(i, i + chunkLength)] : []));
const chunkLength = 16;

/** Of the names in a refused request, one in so many is sent alone, others with each spelling. */
const sampledEach = 8;

function spell(name: string, spelling: string): string {
  let turn = 0;
  return name.replace(/-/g, () => spelling[turn++ % spelling.length] ?? "-");
}

/** What the site gets of a client's headers and cookies (INC-08, INC-26, INC-32, INC-35). */
export function describeClearing(start: () => Promise<{ front: Front; worker: Worker }>): void {
  let front: Front;
  let visitor: Client;
  let token: string;

  before(async () => {
    const started = await start();
    front = started.front;
    visitor = new Client(front.baseUrl);
    await enrol(visitor, await createApiAccount(started.worker, "cgi"));
    token = /__Host-sallyport=([^;]+)/.exec(visitor.cookies)?.[1] ?? "";
  });
  after(() => front?.stop());

  /** Sends headers in front of `Host`: nginx reads those by the settings of the default server. */
  const send = (client: Client, path: string, headers: Array<[string, string]>) =>
    client.ask(path, { headers: [...headers, ["Host", new URL(front.baseUrl).host]] });

  /** nginx, and Traefik in part, can't clear a name that no list has, when it is written as usual. */
  const namesIn = (spelling: string) =>
    [...knownHeaders, ...unlisted]
      .map((name) => spell(name, spelling))
      .filter((name) => front.clearsFamilies || knownHeaders.includes(name) || /[^\w-]|_/.test(name));

  /** Resolves with false when the request was refused. */
  async function sendForged(client: Client, path: string, names: readonly string[]): Promise<boolean> {
    const forgedHeaders = names.map((name, i): [string, string] => [name, `${forged}-${i}`]);
    const answer = await send(client, path, forgedHeaders);
    if (!cameFromCgiSite(answer)) {
      assert.ok(answer.status >= 400, `${answer.status}`);
      return false;
    }
    const arrived = [...environmentIn(answer)].filter(([, value]) => value.includes(forged));
    assert.deepEqual(arrived, [], `of ${names.join(" ")}`);
    return true;
  }

  for (const who of ["an anonymous visitor", "a visitor who has signed in"]) {
    const isAnonymous = who.startsWith("an ");
    it(`INC-35 INC-08 INC-26 clears what ${who} sends under a cleared name, in every spelling`, async (test) => {
      const client = isAnonymous ? new Client(front.baseUrl) : visitor;
      const path = isAnonymous ? openPath : "/private/page";
      const refused: string[] = [];
      for (const [turn, spelling] of spellings.entries())
        for (const names of chunksOf(namesIn(spelling)))
          if (!(await sendForged(client, path, names)) && isAnonymous)
            // A request that is refused for one name shows nothing about the others.
            for (const name of names.filter((_, i) => (i + turn) % sampledEach === 0))
              if (!(await sendForged(client, path, [name]))) refused.push(name);
      report(test, refused);
      if (isAnonymous) return;
      const environment = environmentIn(await visitor.ask(path));
      assert.ok(environment.get("HTTP_REMOTE_USER")?.startsWith("cgi-"));
    });
  }

  it("INC-35 passes the site's own headers, cookies, credentials and body", async () => {
    const answer = await visitor.ask(openPath, {
      method: "POST",
      headers: [
        ["X-CSRF-Token", "c1"],
        ["X-Original", "cleared"],
        ["Authorization", "Bearer of-the-site"],
        ["Cookie", "a=1; b=2"],
      ],
      body: "sent=1",
    });
    const environment = environmentIn(answer);
    assert.equal(environment.get("HTTP_X_CSRF_TOKEN"), "c1");
    assert.equal(environment.get("HTTP_AUTHORIZATION"), "Bearer of-the-site");
    assert.match(environment.get("HTTP_COOKIE") ?? "", /a=1; b=2/);
    assert.equal(inputIn(answer).trim(), "sent=1");
  });

  it("INC-32 keeps Sallyport's cookies from the site, wherever they stand", async (test) => {
    if (!front.hidesCookies) return test.skip("Traefik can't take single cookies away");
    for (const name of ownCookieNames) {
      const own = `${name}=${forged}`;
      const headers: string[][] = [
        ["z=3", own],
        [own, "z=3"],
        [`z=3, ${own}`],
        [`${own}, z=3`],
        [`z="3; ${own}"`],
        [`z=3; ${name}="${forged}"`],
        [`z=3; "${name}"=${forged}`],
        [`z=3; ${own.toLowerCase().replaceAll("-", "_")}`],
        [Array(9).fill(own).join("; ")],
        [`z=3;${own};y=4`],
      ];
      for (const lines of headers) {
        const answer = await send(
          new Client(front.baseUrl),
          openPath,
          lines.map((line) => ["Cookie", line]),
        );
        if (!cameFromCgiSite(answer)) continue;
        const { body } = answer;
        assert.ok(
          !body.includes(forged),
          `${JSON.stringify(lines)}: ${environmentIn(answer).get("HTTP_COOKIE")}`,
        );
      }
      const usual = await send(new Client(front.baseUrl), openPath, [["Cookie", `z=3; ${own}; y=4`]]);
      assert.equal(environmentIn(usual).get("HTTP_COOKIE"), "z=3; y=4");
    }
    report(test, []);
  });

  it("INC-32 keeps Sallyport's tokens in Authorization from the site", async () => {
    const tokens = [token, `pending_${token}`, `sp_${"a2".repeat(8)}_${"x".repeat(43)}`];
    for (const client of [new Client(front.baseUrl), visitor])
      for (const own of tokens)
        for (const scheme of ["Bearer", "bearer ", "Token"]) {
          const answer = await send(client, openPath, [["Authorization", `${scheme} ${own}`]]);
          assert.equal(environmentIn(answer).get("HTTP_AUTHORIZATION") || undefined, undefined);
        }
  });
}

/** Which requests were refused instead, for whoever reads the run. */
function report(test: TestContext, refused: readonly string[]): void {
  if (refused.length > 0) test.diagnostic(`${refused.length} names were refused, such as ${refused[0]}`);
}
