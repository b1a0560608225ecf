import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { type ImportReport, importUsers } from "../../../domain/service-api/import.ts";
import { countTransfer } from "../../../domain/service-api/transfer-limit.ts";
import { formatRootCauseForLog, log } from "../../../log.ts";
import type { AppContext } from "../../context.ts";
import type { AnyFailure } from "../../problem/http-failure.ts";
import { toImportReportBody } from "../../problem/problem.ts";
import { setRateLimitHeaders } from "../../rate-limit.ts";
import { defineOperation } from "../define-operation.ts";
import type { Operation } from "../operation.ts";
import { defineDataResponse } from "../success-response.ts";
import { ImportBody, importLineSchema } from "./import-body.ts";
import { exportKeyHeaderDescription } from "./service-call.ts";
import { rateLimitHeaderDescriptions } from "./service-schemas.ts";

const ndjson = "application/x-ndjson";

const query = lazy(() =>
  z.strictObject({
    first_line: z._default(
      z.string().check(z.regex(/^[1-9][0-9]{0,8}$/, "must be a line number, from 1 on")),
      "1",
    ),
    dry_run: z._default(z.enum(["true", "false"], "must be true or false"), "false"),
  }),
);

interface ImportResult {
  readonly ok: true;
  readonly report: ImportReport;
}

const report = () =>
  z.object({
    lines: z.int(),
    created: z.int(),
    unchanged: z.int(),
    failed: z.int(),
    next_line: z.int(),
    errors: z.array(z.object({ line: z.int(), code: z.string(), detail: z.string() })),
    reset_required: z.int(),
    notes: z.array(z.object({ line: z.int(), password: z.literal("reset_required"), form: z.string() })),
    dry_run: z.boolean(),
  });

const exampleLines = `${[
  { id: "42", username: "ada", otpauth: "otpauth://totp/Shop:ada?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP" },
  { id: "43", username: "bob", secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", password_hash: "$2b$10$…" },
]
  .map((user) => JSON.stringify(user))
  .join("\n")}\n`;

/** `POST /v1/import`: imports one chunk of a file of users. */
export const importUsersOperation: Operation = defineOperation({
  id: "importUsers",
  method: "post",
  path: "/v1/import",
  tag: "Moving users",
  summary: "Import users with their authenticators",
  description:
    "Each line is a user. A request takes at most 5,000 lines and 8 MiB, and a line 16 KiB. Send a longer file in chunks, each with first_line. A line that fails changes nothing, and an existing user stays unchanged, so you can send the same lines again. A line about an account of ADMIN_USERS fails without EXPORT_KEY. With dry_run=true the response says what the lines would come to, and no account is written.",
  access: "admin",
  headers: exportKeyHeaderDescription,
  query,
  body: importLineSchema,
  bodyType: ndjson,
  bodyExample: exampleLines,
  stream: "request",
  response: defineDataResponse({
    description: "The result of the lines",
    data: report,
    example: {
      lines: 3,
      created: 1,
      unchanged: 1,
      failed: 1,
      next_line: 4,
      errors: [{ line: 3, code: "weak_secret", detail: "The secret is shorter than 80 bits." }],
      reset_required: 1,
      notes: [{ line: 2, password: "reset_required", form: "bcrypt" }],
      dry_run: false,
    },
    headers: rateLimitHeaderDescriptions,
    present: (result: ImportResult) => toImportReportBody(result.report),
  }),
  failures: ["import_too_large", "import_interrupted", "too_many_attempts"],
  run: async (c, { call, query: { first_line, dry_run } }) => {
    if (!/^application\/x-ndjson *(;|$)/i.test(c.req.header("Content-Type") ?? ""))
      return { ok: false, reason: "unsupported_media_type", expected: ndjson };
    const admitted = await countTransfer(c.var.deps, call, "imports");
    if (!admitted.ok) return admitted;
    const firstLine = Number(first_line);
    const body = new ImportBody(c.req.raw, call.now, firstLine);
    const options = { firstLine, dryRun: dry_run === "true" };
    const imported = await importUsers(c.var.deps, call, body.lines(), options);
    const failure = failureOfUnfinished(c, imported, body.ended);
    if (failure !== null) return failure;
    setRateLimitHeaders(c, "imports", admitted.quota);
    return { ok: true, report: imported };
  },
});

/** Why an import ended before its last line, and a log line if the store failed. Null: all lines were imported. */
function failureOfUnfinished(
  c: AppContext,
  imported: ImportReport,
  ended: ImportBody["ended"],
): AnyFailure | null {
  if (imported.interrupted !== null) {
    log("error", "import.interrupted", {
      request_id: c.var.client.requestId,
      next_line: imported.nextLine,
      ...formatRootCauseForLog(imported.interrupted),
    });
    return { ok: false, reason: "import_interrupted", report: imported };
  }
  if (ended === "too_large") return { ok: false, reason: "import_too_large", report: imported };
  return ended === "cut_off"
    ? { ok: false, reason: "malformed_request", detail: "The body has no end." }
    : null;
}
