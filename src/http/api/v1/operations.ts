import { apiKeyOperations } from "./api-keys.ts";
import { eventOperations } from "./events.ts";
import { secondFactorOperations } from "./second-factor.ts";
import { sessionOperations } from "./sessions.ts";
import { userOperations } from "./users.ts";

/** The service API: everything under `/v1`. */
export const backendOperations = [
  ...userOperations,
  ...secondFactorOperations,
  ...sessionOperations,
  ...eventOperations,
  ...apiKeyOperations,
] as const;
