import { apiKeyOperations } from "./api-key-operations.ts";
import { challengeOperations } from "./challenge-operations.ts";
import { eventOperations } from "./event-operations.ts";
import { exportOperation } from "./export-operation.ts";
import { importOperation } from "./import-operation.ts";
import { secondFactorOperations } from "./second-factor-operations.ts";
import { sessionOperations } from "./session-operations.ts";
import { userOperations } from "./user-operations.ts";

/** The operations of the service API, below `/v1`. */
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
