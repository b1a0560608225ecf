import * as z from "zod/mini";
import { lazy } from "../core/lib/lazy.ts";
import { realmNamePattern } from "../core/parsing/user-id.ts";
import { code, email, ipAddress, receiptText, totpCode, userId, username } from "../http/api/fields.ts";

/** The `props` of the caller's service binding, which its deployment sets and its code cannot change. */
export const callerProps = lazy(() =>
  z.object({
    realm: z.string().check(z.regex(realmNamePattern)),
    /** Names the caller in audit events. */
    caller: z.string().check(z.regex(/^[\x21-\x7e]{1,64}$/)),
  }),
);

/** The input of each method. Fields that the HTTP API takes too have its schemas. */
export const inputSchemas = lazy(
  () =>
    ({
      status: z.strictObject({ user: userId() }),
      enrol: z.strictObject({
        user: userId(),
        username: z.optional(username()),
        email: z.optional(z.nullable(email())),
        code: z.optional(code()),
      }),
      confirm: z.strictObject({ user: userId(), code: totpCode() }),
      verify: z.strictObject({
        user: userId(),
        code: code(),
        action: z.optional(receiptText()),
        nonce: z.optional(receiptText()),
        ip: z.optional(ipAddress()),
      }),
      session: z.strictObject({ token: z.string().check(z.maxLength(4096)) }),
    }) as const,
);

type InputSchemas = ReturnType<typeof inputSchemas>;

export type RpcMethod = keyof InputSchemas;

/** What the caller passes to a method. */
export type RpcInput<M extends RpcMethod> = z.input<InputSchemas[M]>;

/** The input of a method after validation. */
export type ParsedInput<M extends RpcMethod> = z.output<InputSchemas[M]>;

/** Validates the input of a method. */
export function parseRpcInput<M extends RpcMethod>(
  method: M,
  input: unknown,
): { readonly ok: true; readonly input: ParsedInput<M> } | { readonly ok: false; readonly field: string } {
  const parsed = inputSchemas()[method].safeParse(input);
  return parsed.success
    ? { ok: true, input: parsed.data as ParsedInput<M> }
    : { ok: false, field: parsed.error.issues[0]?.path.join(".") ?? "" };
}
