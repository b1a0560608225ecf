import * as z from "zod/mini";
import { parseRecipientPublicKey } from "../../../core/crypto/jwe-recipient.ts";
import { lazy } from "../../../core/lib/lazy.ts";
import { exportUsers } from "../../../domain/service-api/export.ts";
import { countTransfer } from "../../../domain/service-api/transfer-limit.ts";
import { formatRootCauseForLog, log } from "../../../log.ts";
import type { AppContext } from "../../context.ts";
import { setRateLimitHeaders } from "../../rate-limit.ts";
import { defineOperation } from "../define-operation.ts";
import type { Operation } from "../operation.ts";
import { defineStreamResponse } from "../success-response.ts";
import { rateLimitHeaderDescriptions } from "./service-schemas.ts";

const ndjson = "application/x-ndjson";

const advice = "must be the public JWK of an RSA key (2048 to 8192 bits), or of a P-256 or X25519 key";
const number = () => z.string().check(z.regex(/^[A-Za-z0-9_-]{1,1400}$/));
/** Unknown members are ignored (RFC 7517, section 4). The private member `d` is rejected, so that it is noticed. */
const commonMembers = () => ({
  d: z.optional(z.never("is a member of a private key: send the public key")),
  kid: z.optional(z.string().check(z.regex(/^[\x20-\x7e]{1,256}$/))),
  use: z.optional(z.literal("enc")),
  key_ops: z.optional(z.array(z.string()).check(z.maxLength(8))),
  ext: z.optional(z.boolean()),
});
const body = lazy(() =>
  z.strictObject({
    recipient: z.union(
      [
        z.looseObject({
          kty: z.literal("RSA"),
          n: number(),
          e: number(),
          alg: z.optional(z.literal("RSA-OAEP-256")),
          ...commonMembers(),
        }),
        z.looseObject({
          kty: z.literal("EC"),
          crv: z.literal("P-256"),
          x: number(),
          y: number(),
          alg: z.optional(z.literal("ECDH-ES")),
          ...commonMembers(),
        }),
        z.looseObject({
          kty: z.literal("OKP"),
          crv: z.literal("X25519"),
          x: number(),
          alg: z.optional(z.literal("ECDH-ES")),
          ...commonMembers(),
        }),
      ],
      advice,
    ),
  }),
);

/** `POST /v1/export`: all users of the realm, encrypted to the public key in the request. Needs `EXPORT_KEY`. */
export const exportUsersOperation: Operation = defineOperation({
  id: "exportUsers",
  method: "post",
  path: "/v1/export",
  tag: "Moving users",
  summary: "Export all users with their authenticators, encrypted to your public key",
  description:
    "Needs EXPORT_KEY in X-Sallyport-Export-Key, in addition to ADMIN_KEY or an API key with the scope admin. The response is a stream of lines. Each is a compact JWE (RSA-OAEP-256 or ECDH-ES, A256GCM) that contains lines in the format of the import. The protected header numbers the JWEs in part, and the last one has last: true. Without it the stream is incomplete: repeat the request.",
  access: "admin",
  stream: "response",
  body,
  bodyExample: {
    recipient: { kty: "OKP", crv: "X25519", x: "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo", kid: "move" },
  },
  response: defineStreamResponse({
    description: "All users of the realm",
    mediaType: ndjson,
    example: "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSJ9..aXY.Y2lwaGVydGV4dA.dGFn\n",
    headers: rateLimitHeaderDescriptions,
  }),
  failures: ["export_key_required", "too_many_attempts"],
  run: async (c, { call, body: { recipient: jwk } }) => {
    const recipient = await parseRecipientPublicKey(jwk);
    if (recipient === null) return { ok: false, reason: "invalid_format", detail: `recipient: ${advice}` };
    const admitted = await countTransfer(c.var.deps, call, "exports");
    if (!admitted.ok) return admitted;
    const started = await exportUsers(c.var.deps, call, recipient);
    if (!started.ok) return started;
    setRateLimitHeaders(c, "exports", admitted.quota);
    return { ok: true, stream: streamLines(c, started.parts) };
  },
});

/** Creates each line when the client has read the one before it, so that memory holds one part. */
function streamLines(c: AppContext, parts: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await parts.next();
          if (done === true) controller.close();
          else controller.enqueue(encoder.encode(`${value}\n`));
        } catch (error) {
          // The status has been sent: only a stream that breaks off can show the error.
          log("error", "export.interrupted", {
            request_id: c.var.client.requestId,
            ...formatRootCauseForLog(error),
          });
          controller.error(error);
        }
      },
      cancel: async () => {
        await parts.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
