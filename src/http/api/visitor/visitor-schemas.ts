import * as z from "zod/mini";

/** For the OpenAPI document: the operation sets or renews a session cookie. */
export const setCookieHeaderDescription = { "Set-Cookie": "The session's cookie" };

/** Which kind of code was accepted. */
export const acceptedCodeDataSchema = () =>
  z.object({
    method: z.enum(["totp", "backup_code"]),
    backup_codes_remaining: z.int(),
  });

export const exampleAcceptedCodeData = { method: "totp", backup_codes_remaining: 10 } as const;
export const exampleSessionToken = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln";
export const exampleBackupCodesData = { backup_codes: ["7K3F-9QWX", "0ABC-D123"] };
