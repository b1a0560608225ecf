import * as z from "zod/mini";

/** For the OpenAPI document: the operation sets or renews a session cookie. */
export const setsCookie = { "Set-Cookie": "The session's cookie" };

/** Which kind of code was accepted. */
export const evidence = () =>
  z.object({
    method: z.enum(["totp", "backup_code"]),
    backup_codes_remaining: z.int(),
  });

export const exampleEvidence = { method: "totp", backup_codes_remaining: 10 } as const;
export const exampleToken = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln";
export const exampleCodes = { backup_codes: ["7K3F-9QWX", "0ABC-D123"] };
