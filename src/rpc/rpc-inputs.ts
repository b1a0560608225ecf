import * as z from "zod/mini";
import { lazy } from "../core/lib/lazy.ts";
import { type ParseFieldsResult, parseFields } from "../core/parsing/parse-fields.ts";
import { realmNamePattern } from "../core/parsing/user-id.ts";
import {
  auditEventIpAddressSchema,
  emailSchema,
  receiptActionOrNonceSchema,
  totpCodeSchema,
  totpOrBackupCodeSchema,
  userIdSchema,
  usernameSchema,
} from "../http/api/fields.ts";

/** The `props` of the caller's service binding, which its deployment sets and its code cannot change. */
export const realmAndCallerPropsSchema = lazy(() =>
  z.object({
    realm: z.string().check(z.regex(realmNamePattern)),
    /** Names the caller in audit events. */
    caller: z.string().check(z.regex(/^[\x21-\x7e]{1,64}$/)),
  }),
);

/** The input of each method. Fields that the HTTP API takes too have its schemas. */
export const rpcInputSchemas = lazy(
  () =>
    ({
      status: z.strictObject({ user: userIdSchema() }),
      enrol: z.strictObject({
        user: userIdSchema(),
        username: z.optional(usernameSchema()),
        email: z.optional(z.nullable(emailSchema())),
        code: z.optional(totpOrBackupCodeSchema()),
      }),
      confirm: z.strictObject({ user: userIdSchema(), code: totpCodeSchema() }),
      verify: z.strictObject({
        user: userIdSchema(),
        code: totpOrBackupCodeSchema(),
        action: z.optional(receiptActionOrNonceSchema()),
        nonce: z.optional(receiptActionOrNonceSchema()),
        ip: z.optional(auditEventIpAddressSchema()),
      }),
      session: z.strictObject({ token: z.string().check(z.maxLength(4096)) }),
    }) as const,
);

type InputSchemas = ReturnType<typeof rpcInputSchemas>;

export type RpcMethod = keyof InputSchemas;

/** What the caller passes to a method. */
export type RpcInput<M extends RpcMethod> = z.input<InputSchemas[M]>;

/** The input of a method after validation. */
export type ParsedRpcInput<M extends RpcMethod> = z.output<InputSchemas[M]>;

/** Validates the input of a method. */
export function parseRpcInput<M extends RpcMethod>(
  method: M,
  input: unknown,
): ParseFieldsResult<ParsedRpcInput<M>> {
  return parseFields(rpcInputSchemas()[method], input) as ParseFieldsResult<ParsedRpcInput<M>>;
}
