import type { Mutant } from "./mutant.ts";

const trips = "test/flows/trips.test.ts";

/** What a caller without a full session can cost, and what a receipt or a cookie outlives. */
export const costMutants: readonly Mutant[] = [
  {
    name: "challenge-mark-unchecked",
    file: "src/domain/challenges.ts",
    find: "if (!(await isChallengeSecret(deps.config.keyring, secret))) return noChallenge;",
    replace: "",
    why: "each invented address of a challenge costs a batch on the primary (INC-30)",
    tests: [trips],
    titled: "address of a challenge",
  },
  {
    name: "invented-api-key-asks-primary",
    file: "src/domain/backend/caller.ts",
    find: 'return (await isMarkedApiKeyId(deps.config.keyring, keyId)) ? readCall(deps.db, "primary", asked) : null;',
    replace: 'return readCall(deps.db, "primary", asked);',
    why: "each invented API key costs a trip to the primary (INC-30)",
    tests: [trips],
    titled: "key that is none|no copy has yet",
  },
];
