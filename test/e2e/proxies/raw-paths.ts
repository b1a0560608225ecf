import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { type ProxyName, type RunningProxy, startProxy } from "../support/proxies.ts";
import { type Recorded, type Recorder, startRecorder } from "../support/question-recorder.ts";
import { sendRaw } from "../support/raw-request.ts";

const base = "/api/auth";
const questions = ["/api/auth/auth-request", "/api/auth/forward-auth"];

/** Targets that some server reads as one of the proxy's questions, or as another path than the proxy does. */
const oddTargets: readonly string[] = questions.flatMap((question) => {
  const name = question.slice(base.length + 1);
  return [
    question,
    `${question}?x=1`,
    `${question}/`,
    `${base}//${name}`,
    `${base}/./${name}`,
    `${base}/x/../${name}`,
    `${base}/x\\..\\${name}`,
    `${base}\\${name}`,
    `${base}/\\${name}`,
    `${base}/x/..\\${name}`,
    `${base}/x%2f..%2f${name}`,
    `${base}/%2e/${name}`,
    `${base}/x/%2E%2e/${name}`,
    `${base}/%61${name.slice(1)}`,
    `${base}/x/.%2e/${name}`,
    `${base};x/${name}`,
    `${base}/..;/auth/${name}`,
    `/x/..${base}/${name}`,
    `/x/%2e%2e${base}/${name}`,
    `/x\\..${base.replaceAll("/", "\\")}\\${name}`,
    `/${base}/${name}`,
    `/%61pi/auth/${name}`,
    `${base.toUpperCase()}/${name}`,
    `http://127.0.0.1${base}/${name}`,
    `http://127.0.0.1/x/..${base}/${name}`,
  ];
});

/** Targets of the site. */
const siteTargets: readonly string[] = [
  "/",
  "//",
  "/page?x=/../y&z=%2f",
  "/a/../b",
  "/a/%2e%2e/b",
  "/a//b",
  "/a/./b",
  "/a%2fb",
  "/a%5cb",
  "/a\\..\\b",
  "/a;x=1/../b",
  "/a/..;/b",
  "/a%252e%252e/b",
  "/%e1",
  "/\xe1",
  "/a|b^c`d{e}",
  "/a%zz",
  "/page#fragment",
  "/page?",
  "?x",
  "*",
  "http://127.0.0.1/a/../b",
  "/a%2fb\\c",
];

const normalPath = /^(?:\/(?!(?:\.|%2[Ee]){1,2}(?:\/|$))(?:[\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)+\/?$/;

/** Go's `net/url` escapes what may not stand in a path, and then unescapes everything else that it can. */
const asGoWritesIt = (target: string) => target.replace(/[^\w.~!$&'()*+,;=:@/?%-]/g, encodeByte);
const encodeByte = (byte: string) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;

/** The tests send POST, and every question is a GET. */
const isQuestion = ({ method }: Recorded) => method === "GET";

const withoutHost = (target: string) => target.replace(/^http:\/\/[^/]+/, "");

const pathOf = (target: string) => target.split("?", 1)[0] ?? "";

/** In front of a recorder in the Worker's place and one in the site's: what a proxy sends to whom (INC-34). */
export function describeRawPaths(name: ProxyName): void {
  let worker: Recorder;
  let site: Recorder;
  let proxy: RunningProxy;

  before(async () => {
    worker = await startRecorder({ "Remote-User": "", "Remote-Email": "", "X-Sallyport-Assertion": "" });
    site = await startRecorder({});
    proxy = await startProxy(name, {
      workerPort: worker.port,
      sitePort: site.port,
      proxyKey: "k".repeat(43),
    });
  });
  after(async () => {
    await proxy?.stop();
    await worker?.stop();
    await site?.stop();
  });

  async function visit(target: string) {
    await sendRaw(
      proxy.port,
      `POST ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    const received = worker.take();
    return {
      asked: received.filter(isQuestion),
      passed: received.filter((it) => !isQuestion(it)),
      site: site.take(),
    };
  }

  it("INC-34 passes on to the Worker what every server reads alike, and none of its own questions", async () => {
    for (const target of [...oddTargets, ...siteTargets]) {
      const { passed } = await visit(target);
      for (const { target: sent } of passed) {
        const path = pathOf(sent);
        assert.match(path, normalPath, `${target} was sent as ${sent}`);
        assert.ok(!questions.includes(path), `${target} was sent as ${sent}`);
      }
    }
  });

  it("INC-34 INC-04 asks about the path that it passes on to the site", async () => {
    for (const target of [...siteTargets, ...oddTargets]) {
      const { asked, site: reached } = await visit(target);
      for (const sent of reached.map((it) => withoutHost(it.target))) {
        const judged = withoutHost(asked[0]?.headers.get("x-forwarded-uri") ?? "");
        // The Worker refuses what is no path, such as the target of `OPTIONS *`; the recorder does not.
        if (!judged.startsWith("/")) continue;
        const alike = [judged, asGoWritesIt(judged), asGoWritesIt(judged.replace(/%2f/gi, "/"))];
        assert.ok(alike.includes(sent), `${target}: judged ${judged}, sent ${sent}`);
      }
    }
  });
}
