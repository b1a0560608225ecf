/** How an origin checks `X-Sallyport-Assertion`. Every check counts: headers alone can be sent by any client that reaches the origin. */
import { type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";

/** What this site knows of itself, from its own configuration and never from the request. */
export interface Expected {
  /** Sallyport's base addresses: one for each host name of the site. */
  readonly issuers: readonly string[];
  /** This site, as the gate calls it: its ORIGIN_URL. Behind a proxy, the scheme and host that the Worker is asked under. */
  readonly audience: string;
  /** The host names of this site, with their ports unless those are the default ones. */
  readonly hosts: readonly string[];
}

/** What the request is about. */
export interface Asked {
  readonly method: string;
  /** The path by which this site picks the page: decoded, with its dot segments resolved. */
  readonly path: string;
  /** What this page needs. */
  readonly level: "first_factor" | "second_factor";
}

export type Checked = { ok: true; claims: JWTPayload } | { ok: false; reason: string };

/** @param keys those at Sallyport's address, never ones that the token names */
export async function checkAssertion(
  token: string,
  keys: JWTVerifyGetKey,
  expected: Expected,
  asked: Asked,
): Promise<Checked> {
  if (token === "") return { ok: false, reason: "not sent" };
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ["EdDSA"],
      typ: "JWT",
      issuer: [...expected.issuers],
      audience: expected.audience,
      requiredClaims: ["sub", "exp", "acr", "host", "path"],
      clockTolerance: 5,
    });
    const levels = asked.level === "second_factor" ? ["second_factor"] : ["first_factor", "second_factor"];
    if (!levels.includes(String(payload.acr))) return { ok: false, reason: `acr is ${payload.acr}` };
    if (!expected.hosts.includes(String(payload.host)))
      return { ok: false, reason: `host is ${payload.host}` };
    if (!covers(String(payload.path), asked.path)) return { ok: false, reason: `path is ${payload.path}` };
    if (!names(payload.methods, asked.method)) return { ok: false, reason: `methods are ${payload.methods}` };
    return { ok: true, claims: payload };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** `/admin/` covers `/admin` and all below it, `/feed$` covers exactly `/feed`. There is no other form. */
function covers(claim: string, path: string): boolean {
  if (claim.endsWith("$")) return path === claim.slice(0, -1);
  return claim.endsWith("/") && `${path}/`.startsWith(claim);
}

/** No claim: any method. `GET` stands for `HEAD`, too. */
function names(claim: unknown, method: string): boolean {
  if (claim === undefined) return true;
  const methods: readonly unknown[] = Array.isArray(claim) ? claim : [];
  return methods.includes(method) || (method === "HEAD" && methods.includes("GET"));
}
