import type { Difference } from "./difference.ts";
import { gateRequestDifferences } from "./differences/gate-requests.ts";
import { gateResponseDifferences } from "./differences/gate-responses.ts";
import { nginxDifferences } from "./differences/nginx.ts";
import { protectiveDifferences } from "./differences/protections.ts";

/** All documented differences, in the order in which they apply. docs/fidelity.md is made from them. */
export const differences: readonly Difference[] = [
  ...protectiveDifferences,
  ...gateRequestDifferences,
  ...nginxDifferences,
  ...gateResponseDifferences,
];
