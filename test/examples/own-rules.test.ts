import { describe, expect, it } from "vitest";
import caddyfile from "../../examples/caddy/Caddyfile?raw";
import haproxy from "../../examples/haproxy/haproxy.cfg?raw";
import nginxSite from "../../examples/nginx/sallyport-site.conf?raw";

/** The lines of a file that are no comments. */
const rulesOf = (text: string) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));

/** `test/e2e/proxies/moved-paths.ts` shows at the real proxies what these rules are for. Here they are checked in each run. */
describe("the rules of the proxies' examples that are not generated", () => {
  const frontend = rulesOf(
    haproxy.slice(haproxy.indexOf("frontend site"), haproxy.indexOf("frontend sallyport_question")),
  );
  const requestRules = frontend.filter((rule) => rule.startsWith("http-request "));

  it("INC-34 HAProxy sets the address before every other rule, to what it asks about", () => {
    expect(requestRules[0]).toBe("http-request set-uri %[pathq]");
  });

  it("INC-34 HAProxy refuses two hosts in one header before it asks", () => {
    const at = requestRules.indexOf("http-request return status 400 if { req.fhdr(host) -m sub , }");
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThan(requestRules.findIndex((rule) => rule.includes("lua.sallyport")));
    expect(frontend).toContain("http-request set-header X-Forwarded-Host  %[req.fhdr(host)]");
  });

  it("INC-34 nginx does not follow the site to another location", () => {
    expect(rulesOf(nginxSite)).toContain("proxy_ignore_headers X-Accel-Redirect;");
  });

  it("INC-31 HAProxy and Caddy pass no request on that comes back to the client", () => {
    const at = requestRules.indexOf("http-request return status 405 if { method TRACE TRACK }");
    expect(at).toBeLessThan(requestRules.findIndex((rule) => rule.includes("X-Sallyport-Proxy-Key")));
    expect(at).toBeGreaterThan(0);
    const caddy = rulesOf(caddyfile);
    expect(caddy[caddy.indexOf("(sallyport) {") + 1]).toBe("@sallyport_methods method TRACE TRACK CONNECT");
    expect(caddy[caddy.indexOf("(sallyport) {") + 2]).toBe("respond @sallyport_methods 405");
  });
});
