import { describe, expect, it } from "vitest";
import { createReadyAccount, fullToken } from "../support/accounts.ts";
import { sessionCookieName } from "../support/cookies.ts";
import { useFreshWorker } from "../support/fresh-worker.ts";
import { exchange, expectProblem, jsonHeaders } from "../support/json-calls.ts";
import { listRoutes } from "../support/routes.ts";
import { base } from "../support/worker.ts";

useFreshWorker();

describe("a method", () => {
  const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"];

  it("WB-06 that a route does not have is a 405 that says which it has", async () => {
    const allowed = new Map<string, Set<string>>();
    for (const { method, path } of listRoutes()) {
      const known = allowed.get(path) ?? new Set();
      allowed.set(path, known.add(method));
      if (method === "GET") known.add("HEAD");
    }
    let asked = 0;
    for (const [path, known] of allowed) {
      for (const method of methods) {
        if (known.has(method)) continue;
        const answer = await exchange(path, { method });
        expect([method, path, answer.status]).toEqual([method, path, 405]);
        const allow = answer.headers.get("Allow")?.split(/, */) ?? [];
        expect([method, path, allow.toSorted()]).toEqual([method, path, [...known].toSorted()]);
        asked += 1;
      }
    }
    expect(asked).toBeGreaterThan(150);
  });

  it("WB-06 that a route does not have is a problem document for a program", async () => {
    for (const [method, path, allow] of [
      ["GET", "/login", "POST"],
      ["PUT", "/totp/verify", "POST"],
      ["DELETE", "/totp", "GET, HEAD"],
      ["TRACE", "/session", "GET, HEAD"],
    ] as const) {
      const answer = await exchange(base + path, { method });
      expectProblem(`${method} ${path}`, answer, 405, "method_not_allowed");
      expect(answer.headers.get("Allow")).toBe(allow);
    }
  });

  it("WB-06 TRACE gives nothing back of what was sent", async () => {
    const headers = { Cookie: `${sessionCookieName}=secret-cookie`, "X-Secret": "secret-header" };
    const answer = await exchange(`${base}/session`, { method: "TRACE", headers });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.text).not.toContain("secret-");
  });

  it("WB-06 HEAD is GET without its body", async () => {
    const token = await fullToken(await createReadyAccount());
    for (const path of ["/session", "/totp", "/sign-in", "/assets/sallyport.css"]) {
      const headers = { Authorization: `Bearer ${token}` };
      const head = await exchange(base + path, { method: "HEAD", headers });
      const get = await exchange(base + path, { headers });
      expect([head.status, head.text]).toEqual([get.status, ""]);
      expect(head.headers.get("Content-Type")).toBe(get.headers.get("Content-Type"));
    }
  });
});

describe("a path", () => {
  it("that is none of the Worker's is a 404, whatever it looks like", async () => {
    for (const path of [
      "/",
      "/login",
      "/api",
      "/api/",
      "/api/authx/login",
      "/API/AUTH/login",
      "/api/auth/nothing",
      "/api/auth/LOGIN",
      "/api/auth//login",
      "//api/auth/login",
      "/api/auth/login;x=1",
      "/api/auth/login.json",
      "/api/auth/login%00",
      "/api/auth/login%20",
      "/api/auth/login%2f",
      "/api/auth%2flogin",
      "/api/auth/totp%2fverify",
      "/api/auth/%zz",
      "/api/auth/%",
      "/api/auth/%ff",
      "/api/auth/%c0%ae%c0%ae/login",
      "/api/auth/\u{1f6aa}",
      "/api/auth/..%2f..%2fetc/passwd",
      "/api/auth/assets/..%2f..%2fsrc/index.ts",
      "/api/auth/assets/sallyport.css.map",
      "/api/auth/.env",
      "/api/auth/sessions/x/y",
      `/api/auth/${"x".repeat(8000)}`,
      "/.well-known/jwks.json",
      "/.dev.vars",
    ]) {
      for (const method of ["GET", "POST", "DELETE"]) {
        const answer = await exchange(path, { method });
        expectProblem(`${method} ${path.slice(0, 60)}`, answer, 404, "not_found");
      }
    }
  });

  it("that names a session in an odd way is a 404", async () => {
    const token = await fullToken(await createReadyAccount());
    const headers = { Authorization: `Bearer ${token}` };
    for (const id of [
      "x",
      "%",
      "%zz",
      "%ff",
      "%00",
      "%0d%0a",
      "%2e%2e",
      "' OR 1=1 --",
      "*",
      "null",
      "x".repeat(7000),
    ]) {
      const answer = await exchange(`${base}/sessions/${id}`, { method: "DELETE", headers });
      expectProblem(id.slice(0, 20), answer, 404, "not_found");
    }
  });

  it("and what comes with it is never a 500: header values of any kind", async () => {
    const values = ["", " ", "x".repeat(20_000), "%00", "Bearer", "Bearer ", "Basic !", ",", "="];
    for (const name of [
      "Authorization",
      "Cookie",
      "Origin",
      "Sec-Fetch-Site",
      "CF-Connecting-IP",
      "User-Agent",
      "Accept",
      "Content-Length",
      "Content-Type",
    ]) {
      // One name is enough for what is no ASCII: workerd writes a warning for each.
      for (const value of name === "Authorization" ? [...values, "Bearer \u00e9"] : values) {
        const headers = new Headers({ ...jsonHeaders, [name]: value });
        const body = JSON.stringify({ username: "nobody", password: "x" });
        const answer = await exchange(`${base}/step-up`, { headers, body });
        expect([name, value.slice(0, 20), answer.status < 500]).toEqual([name, value.slice(0, 20), true]);
        const read = await exchange(`${base}/session`, { headers: { [name]: value } });
        expect([name, value.slice(0, 20), read.status]).toEqual([name, value.slice(0, 20), 401]);
      }
    }
  });
});
