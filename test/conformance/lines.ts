import type { Line } from "./line.ts";
import { backupCodeLines } from "./lines/backup-codes.ts";
import { cryptoLines } from "./lines/crypto.ts";
import { enrolmentLines } from "./lines/enrolment.ts";
import { incidentLines } from "./lines/incidents.ts";
import { keyUriLines } from "./lines/key-uri.ts";
import { loggingLines } from "./lines/logging.ts";
import { otpLines } from "./lines/otp.ts";
import { sessionLines } from "./lines/sessions.ts";
import { throttlingLines } from "./lines/throttling.ts";
import { webLines } from "./lines/web.ts";

/** Every line of the requirements, in their order. */
export const lines: readonly Line[] = [
  ...otpLines,
  ...keyUriLines,
  ...backupCodeLines,
  ...enrolmentLines,
  ...throttlingLines,
  ...sessionLines,
  ...cryptoLines,
  ...webLines,
  ...loggingLines,
  ...incidentLines,
];
