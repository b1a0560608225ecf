import { apiKeyOperations } from "./api-keys.ts";
import { challengeOperations } from "./challenges.ts";
import { eventOperations } from "./events.ts";
import { exportOperation } from "./export.ts";
import { importOperation } from "./import.ts";
import { secondFactorOperations } from "./second-factor.ts";
import { sessionOperations } from "./sessions.ts";
import { userOperations } from "./users.ts";

/** The service API: everything under `/v1`. */
export const backendOperations = [
  ...userOperations,
  ...secondFactorOperations,
  ...challengeOperations,
  ...sessionOperations,
  ...eventOperations,
  ...apiKeyOperations,
  importOperation,
  exportOperation,
] as const;
