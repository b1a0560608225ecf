import { apiKeyOperations } from "./api-key-operations.ts";
import { challengeOperations } from "./challenge-operations.ts";
import { eventOperations } from "./event-operations.ts";
import { exportUsersOperation } from "./export-operation.ts";
import { importUsersOperation } from "./import-operation.ts";
import { userSecondFactorOperations } from "./second-factor-operations.ts";
import { userSessionOperations } from "./session-operations.ts";
import { userOperations } from "./user-operations.ts";

/** The operations of the service API, below `/v1`. */
export const serviceOperations = [
  ...userOperations,
  ...userSecondFactorOperations,
  ...challengeOperations,
  ...userSessionOperations,
  ...eventOperations,
  ...apiKeyOperations,
  importUsersOperation,
  exportUsersOperation,
] as const;
