import { adminMutants } from "./admin.ts";
import { assertionMutants } from "./assertions.ts";
import { costMutants } from "./costs.ts";
import { firstFactorMutants } from "./first-factor.ts";
import { gateMutants } from "./gate.ts";
import { inputMutants } from "./inputs.ts";
import { keyMutants } from "./keys.ts";
import { lastingMutants } from "./lasting.ts";
import type { Mutant } from "./mutant.ts";
import { pageLoadMutants } from "./page-loads.ts";
import { proxyMutants } from "./proxies.ts";
import { requestMeaningMutants } from "./request-meanings.ts";
import { secondFactorMutants } from "./second-factor.ts";
import { sessionMutants } from "./sessions.ts";
import { siteRequestMutants } from "./site-requests.ts";
import { subjectMutants } from "./subjects.ts";

/** Every fault that `npm run mutants` makes. */
export const mutants: readonly Mutant[] = [
  ...secondFactorMutants,
  ...firstFactorMutants,
  ...sessionMutants,
  ...gateMutants,
  ...assertionMutants,
  ...siteRequestMutants,
  ...lastingMutants,
  ...requestMeaningMutants,
  ...proxyMutants,
  ...keyMutants,
  ...costMutants,
  ...adminMutants,
  ...subjectMutants,
  ...pageLoadMutants,
  ...inputMutants,
];
