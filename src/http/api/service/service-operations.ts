import { apiKeyOperations } from "./api-key-routes.ts";
import { challengeOperations } from "./challenge-routes.ts";
import { eventOperations } from "./event-routes.ts";
import { exportOperation } from "./export-routes.ts";
import { importOperation } from "./import-routes.ts";
import { secondFactorOperations } from "./second-factor-operations.ts";
import { sessionOperations } from "./session-operations.ts";
import { userOperations } from "./user-routes.ts";

/** The service API: everything under `/v1`. */
export const serviceOperations = [
  ...userOperations,
  ...secondFactorOperations,
  ...challengeOperations,
  ...sessionOperations,
  ...eventOperations,
  ...apiKeyOperations,
  importOperation,
  exportOperation,
] as const;
