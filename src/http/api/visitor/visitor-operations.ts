import * as z from "zod/mini";
import { listPublicKeys } from "../../../core/tokens/assertion.ts";
import { checkHealth } from "../../../domain/maintenance/health.ts";
import { refuse } from "../../problem/refusal.tsx";
import type { Operation } from "../operation.ts";
import { done, type ResponseOf, succeeded } from "./success.ts";

/** Overlaps with the hour that operators are told to leave between adding a key and making it current. */
const jwksMaxAgeSeconds = 300;

const tag = "Deployment";
const healthy = () => succeeded({ data: z.catchall(z.object({}), z.literal("ok")) });
const jwks = () =>
  z.object({
    keys: z.array(
      z.object({
        kty: z.literal("OKP"),
        crv: z.literal("Ed25519"),
        kid: z.string(),
        x: z.string(),
        alg: z.literal("EdDSA"),
        use: z.literal("sig"),
      }),
    ),
  });
const exampleKey = {
  kty: "OKP",
  crv: "Ed25519",
  kid: "k1",
  x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
  alg: "EdDSA",
  use: "sig",
} as const;

/** What machines ask that have no account: `/health` and `/.well-known/jwks.json`. */
export const deploymentOperations: readonly Operation[] = [
  {
    id: "getHealth",
    method: "get",
    path: "/health",
    tag,
    summary: "Do D1, KV and the keyring answer?",
    access: "anybody",
    successes: done(healthy, { status: "success", data: { d1: "ok", kv: "ok", keyring: "ok" } }),
    failures: ["unhealthy"],
    handle: async (c) => {
      const parts = await checkHealth(c.var.deps);
      const data = Object.fromEntries(
        Object.entries(parts).map(([part, answers]) => [part, answers ? "ok" : "failing"]),
      );
      if (Object.values(parts).every(Boolean)) return c.json({ status: "success", data });
      return refuse(c, { ok: false, reason: "unhealthy", parts: data });
    },
  },
  {
    id: "getPublicKeys",
    method: "get",
    path: "/.well-known/jwks.json",
    tag,
    summary: "The public keys of assertions and receipts",
    access: "anybody",
    successes: done(jwks, { keys: [exampleKey] }),
    failures: [],
    handle: async (c) => {
      const keys = await listPublicKeys(c.var.config.keyring);
      c.header("Cache-Control", `public, max-age=${jwksMaxAgeSeconds}`);
      return c.json({ keys } satisfies ResponseOf<typeof jwks>);
    },
  },
];
