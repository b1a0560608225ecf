import * as z from "zod/mini";
import { toBackendUserId } from "../../../core/parsing/user-id.ts";
import {
  type ChallengeWithStatus,
  type CreatedChallenge,
  createChallenge,
  getChallengeWithStatus,
} from "../../../domain/service-api/service-challenges.ts";
import { publicBaseUrl } from "../../context.ts";
import { defineOperation } from "../define-operation.ts";
import { receiptActionOrNonceSchema, userIdSchema } from "../fields.ts";
import { defineDataResponse } from "../success-response.ts";
import { timestampSchema, toIsoStringOrNull } from "./service-schemas.ts";

const tag = "Hosted challenge";

/** Limits the size of a field: the challenge is in a cookie, and browsers accept cookies of 4096 bytes. */
const hasBytesUpTo = (maxBytes: number) =>
  z.refine<string>(
    (text) => new TextEncoder().encode(JSON.stringify(text)).length <= maxBytes + 2,
    "is too long",
  );
const shortText = () => z.optional(receiptActionOrNonceSchema().check(hasBytesUpTo(512)));
const returnTo = () =>
  z.string("must be a string").check(z.maxLength(1024, "is too long"), hasBytesUpTo(1024));

const challenge = () =>
  z.object({
    id: z.string(),
    user: z.string(),
    status: z.enum(["pending", "opened", "completed", "expired"]),
    action: z.nullable(z.string()),
    nonce: z.nullable(z.string()),
    return_to: z.string(),
    created_at: timestampSchema(),
    expires_at: timestampSchema(),
    opened_at: z.nullable(timestampSchema()),
    completed_at: z.nullable(timestampSchema()),
    amr: z.nullable(z.array(z.string())),
  });

const exampleInput = {
  user: "42",
  return_to: "https://shop.example/confirmed",
  action: "transfer",
  nonce: "n-81",
};
const id = "6f1b9c1e-3f0a-4a39-9d0b-1d2f7c0f7a11";
const expiresAt = "2026-11-22T09:40:00.000Z";

/** The operations on hosted challenges: `/v1/challenges`. */
export const challengeOperations = [
  defineOperation({
    id: "createChallenge",
    method: "post",
    path: "/v1/challenges",
    tag,
    summary: "Create a challenge: a user shows the second factor in the browser",
    description:
      "Redirect the browser to url, which opens once, within ten minutes. The browser returns to return_to with challenge and receipt in the query. A user without a second factor sets one up first. return_to must be below one of the return_urls of the API key; ADMIN_KEY has none.",
    access: "verify",
    body: () =>
      z.strictObject({
        user: userIdSchema(),
        return_to: returnTo(),
        action: shortText(),
        nonce: shortText(),
      }),
    bodyExample: exampleInput,
    response: defineDataResponse({
      data: () => z.object({ id: z.string(), url: z.string(), expires_at: timestampSchema() }),
      example: {
        id,
        url: "https://login.shop.example/api/auth/challenge/Yk0w…",
        expires_at: expiresAt,
      },
      status: 201,
      present: (created: CreatedChallenge) => ({
        id: created.id,
        url: created.url,
        expires_at: created.expiresAt.toISOString(),
      }),
    }),
    failures: [
      "export_key_required",
      "no_such_user",
      "account_disabled",
      "return_address_refused",
      "return_address_has_receipt_parameter",
    ],
    run: (c, { call, caller: { returnUrls, keyId }, body }) =>
      createChallenge(c.var.deps, call, {
        userId: body.user,
        returnTo: body.return_to,
        returnUrls,
        keyId,
        action: body.action ?? null,
        nonce: body.nonce ?? null,
        issuer: publicBaseUrl(c),
      }),
  }),
  defineOperation({
    id: "getChallenge",
    method: "get",
    path: "/v1/challenges/:challenge",
    tag,
    summary: "Get the state of a challenge, until a day after its end",
    access: "verify",
    response: defineDataResponse({
      data: challenge,
      example: {
        ...exampleInput,
        id,
        status: "completed",
        created_at: "2026-11-22T09:30:00.000Z",
        expires_at: expiresAt,
        opened_at: "2026-11-22T09:30:01.000Z",
        completed_at: "2026-11-22T09:30:12.000Z",
        amr: ["otp"],
      },
      present: ({ challenge: row, status }: ChallengeWithStatus) => ({
        id: row.id,
        user: toBackendUserId(row.realm, row.userId),
        status,
        action: row.action,
        nonce: row.nonce,
        return_to: row.returnTo,
        created_at: row.createdAt.toISOString(),
        expires_at: row.expiresAt.toISOString(),
        opened_at: toIsoStringOrNull(row.openedAt),
        completed_at: toIsoStringOrNull(row.completedAt),
        amr: row.amr,
      }),
    }),
    failures: ["no_such_challenge"],
    run: (c, { call, param }) => getChallengeWithStatus(c.var.deps, call, param("challenge")),
  }),
] as const;
