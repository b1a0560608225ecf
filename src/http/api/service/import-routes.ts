import * as z from "zod/mini";
import { lazy } from "../../../core/lib/lazy.ts";
import { type ImportReport, importUsers } from "../../../domain/service-api/import.ts";
import { countTransfer } from "../../../domain/service-api/transfer-limit.ts";
import { describeError, log } from "../../../log.ts";
import type { AppContext } from "../../context.ts";
import { parseFields } from "../../json-body.ts";
import { describeImport, Refused } from "../../problem/problem.ts";
import { rateLimitHeaders } from "../../rate-limit.ts";
import type { Operation } from "../operation.ts";
import { type ResponseOf, succeeded } from "../visitor/success.ts";
import { ImportBody, importLine } from "./import-body.ts";
import { readServiceRequest, streamedCall } from "./service-call.ts";
import { exportKeyParameter, transferHeaders } from "./service-schemas.ts";

const ndjson = "application/x-ndjson";

const query = lazy(() =>
  z.strictObject({
    first_line: z._default(
      z.string().check(z.regex(/^[1-9][0-9]{0,8}$/, "must be a line number, from 1 on")),
      "1",
    ),
  }),
);

const report = () =>
  z.object({
    lines: z.int(),
    created: z.int(),
    unchanged: z.int(),
    failed: z.int(),
    next_line: z.int(),
    errors: z.array(z.object({ line: z.int(), code: z.string(), detail: z.string() })),
  });
const answer = () => succeeded({ data: report() });

const exampleLines = `${[
  { id: "42", username: "ada", otpauth: "otpauth://totp/Shop:ada?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP" },
  { id: "43", username: "bob", secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", password_hash: "$2b$10$…" },
]
  .map((user) => JSON.stringify(user))
  .join("\n")}\n`;

/** `POST /v1/import`: users of another system, a chunk of a file at a time. */
export const importOperation: Operation = {
  id: "importUsers",
  method: "post",
  path: "/v1/import",
  tag: "Moving users",
  summary: "Bring users in, with their authenticators",
  description:
    "One user a line. A request takes 5,000 lines, 8 MiB and 16 KiB a line; a longer file is sent in chunks, each with first_line. A line that fails changes nothing, and who is there already stays as he is: the same lines can be sent again at any time. A line about an account of ADMIN_USERS fails without EXPORT_KEY.",
  access: "admin",
  headers: exportKeyParameter,
  query,
  body: importLine,
  bodyType: ndjson,
  bodyExample: exampleLines,
  streamsBody: true,
  successes: [
    {
      status: 200,
      description: "What has become of each line",
      schema: answer,
      example: {
        status: "success",
        data: {
          lines: 3,
          created: 1,
          unchanged: 1,
          failed: 1,
          next_line: 4,
          errors: [{ line: 3, code: "weak_secret", detail: "The secret is shorter than 80 bits." }],
        },
      },
      headers: transferHeaders,
    },
  ],
  failures: ["import_too_large", "import_interrupted", "too_many_attempts"],
  handle: answerImport,
};

async function answerImport(c: AppContext): Promise<Response> {
  const request = await readServiceRequest(c, "admin", { body: "", repeatable: false });
  const { realm: _realm, ...rest } = c.req.query();
  const firstLine = Number(parseFields(query(), rest).first_line);
  if (!/^application\/x-ndjson *(;|$)/i.test(c.req.header("Content-Type") ?? ""))
    throw new Refused({ ok: false, reason: "unsupported_media_type", expected: ndjson });
  const call = streamedCall(c, request);
  const admitted = await countTransfer(c.var.deps, call, "imports");
  if (!admitted.ok) throw new Refused(admitted);
  const body = new ImportBody(c.req.raw, call.now, firstLine);
  const done = await importUsers(c.var.deps, call, body.lines(), firstLine);
  refuseUnfinished(c, done, body.ended);
  for (const header of Object.entries(rateLimitHeaders("imports", admitted.quota))) c.header(...header);
  return c.json({ status: "success", data: describeImport(done) } satisfies ResponseOf<typeof answer>);
}

function refuseUnfinished(c: AppContext, done: ImportReport, ended: ImportBody["ended"]): void {
  if (done.interrupted !== null) {
    log("error", "import.interrupted", {
      request_id: c.var.client.requestId,
      next_line: done.nextLine,
      ...describeError(done.interrupted),
    });
    throw new Refused({ ok: false, reason: "import_interrupted", report: done });
  }
  if (ended === "too_large") throw new Refused({ ok: false, reason: "import_too_large", report: done });
  if (ended === "cut_off")
    throw new Refused({ ok: false, reason: "malformed_request", detail: "The body has no end." });
}
