import * as z from "zod/mini";
import { listPublicJwks } from "../../../core/tokens/assertion.ts";
import { checkHealth } from "../../../domain/maintenance/health.ts";
import { defineOperation } from "../define-operation.ts";
import type { Operation } from "../operation.ts";
import { defineDataResponse, defineJsonResponse } from "../success-response.ts";

/** Much shorter than the hour that operators must wait between adding a key and making it the current one. */
const jwksMaxAgeSeconds = 300;

const tag = "Deployment";
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

interface PublicKeysResult {
  readonly ok: true;
  readonly keys: Awaited<ReturnType<typeof listPublicJwks>>;
}

interface HealthResult {
  readonly ok: true;
  readonly parts: Readonly<Record<string, string>>;
}

/** The state of the deployment and its public keys: `/health` and `/.well-known/jwks.json`. */
export const deploymentOperations: readonly Operation[] = [
  defineOperation({
    id: "getHealth",
    method: "get",
    path: "/health",
    tag,
    summary: "Check D1, KV and the keyring",
    access: "public",
    response: defineDataResponse({
      data: () => z.catchall(z.object({}), z.literal("ok")),
      example: { d1: "ok", kv: "ok", keyring: "ok" },
      present: ({ parts }: HealthResult) => parts as Record<string, "ok">,
    }),
    failures: ["unhealthy"],
    run: async (c) => {
      const checked = Object.entries(await checkHealth(c.var.deps));
      const parts = Object.fromEntries(checked.map(([part, works]) => [part, works ? "ok" : "failing"]));
      return checked.every(([, works]) => works)
        ? { ok: true, parts }
        : { ok: false, reason: "unhealthy", parts };
    },
  }),
  defineOperation({
    id: "getPublicKeys",
    method: "get",
    path: "/.well-known/jwks.json",
    tag,
    summary: "The public keys of assertions and receipts",
    access: "public",
    response: defineJsonResponse({
      schema: jwks,
      example: { keys: [exampleKey] },
      present: ({ keys }: PublicKeysResult) => ({ keys }),
    }),
    run: async (c) => {
      c.header("Cache-Control", `public, max-age=${jwksMaxAgeSeconds}`);
      return { ok: true, keys: await listPublicJwks(c.var.config.keyring) };
    },
  }),
];
