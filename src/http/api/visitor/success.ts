import * as z from "zod/mini";
import type { Success } from "../operation.ts";

/** The body of an answer when all is well, with these members beside `status`. */
export const succeeded = <const Members extends Record<string, z.ZodMiniType>>(members: Members) =>
  z.object({ status: z.literal("success"), ...members });

/** What the answers of this schema look like. */
export type ResponseOf<S extends () => z.ZodMiniType> = z.input<ReturnType<S>>;

/** The one way in which a call is answered when all is well. */
export const done = <S extends z.ZodMiniType>(
  schema: () => S,
  example: z.input<S>,
  headers: Success["headers"] = {},
): readonly Success[] => [{ status: 200, description: "Done", schema, example, headers }];

/** A session's cookie is handed over, renewed or changed. */
export const givesCookie = { "Set-Cookie": "The session's cookie" };

/** Which kind of code was accepted. */
export const evidence = () =>
  z.object({
    method: z.enum(["totp", "backup_code"]),
    backup_codes_remaining: z.int(),
  });

export const exampleEvidence = { method: "totp", backup_codes_remaining: 10 } as const;
export const exampleToken = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln";
export const exampleCodes = { backup_codes: ["7K3F-9QWX", "0ABC-D123"] };
