import { adminMutants } from "./admin.ts";
import { assertionMutants } from "./assertions.ts";
import { costMutants } from "./costs.ts";
import { firstFactorMutants } from "./first-factor.ts";
import { gateMutants } from "./gate.ts";
import { inputMutants } from "./inputs.ts";
import { keyMutants } from "./keys.ts";
import type { Mutant } from "./mutant.ts";
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
  ...requestMeaningMutants,
  ...proxyMutants,
  ...keyMutants,
  ...costMutants,
  ...adminMutants,
  ...subjectMutants,
  ...inputMutants,
];
