// The attacker's chances, computed from the numbers of docs/contract.md only and without code of the Worker.

/** Six digits. */
const codes = 1_000_000;

/** The codes of the current, the previous and the next time step are valid. */
const liveCodes = 3;

const guessesPerRound = 5;
const failuresUntilDisabled = 100;
const rounds = failuresUntilDisabled / guessesPerRound;

/**
 * RFC 4226 takes the remainder of 31 random bits by a million, so the codes below 483,648 come up 2,148 times in 2^31
 * and the others 2,147 times. A guess among the former has this chance to hit the code of one step.
 */
export const likeliestCode = Math.ceil(2 ** 31 / codes) / 2 ** 31;

/** The chance of the whole budget: 20 rounds of 5 different guesses, each round against other valid codes. */
export function chanceOfBudget(perCode = 1 / codes): number {
  return 1 - (1 - guessesPerRound * perCode) ** (liveCodes * rounds);
}

/** The chance that at least one of these guesses hits a valid code. */
export function chanceOfGuesses(guesses: number): number {
  return 1 - (1 - liveCodes / codes) ** guesses;
}

/** The chance of the whole budget against ten backup codes of 40 bits each. */
export const chanceOfBackupCodes = (failuresUntilDisabled * 10) / 2 ** 40;

/** The earliest time of each round of five guesses, in seconds after the first. */
export function roundTimes(): number[] {
  const times = [0];
  for (let round = 1; round < rounds; round++) {
    const coolDown = Math.min(60 * 2 ** (round - 1), 3600);
    times.push((times.at(-1) ?? 0) + coolDown);
  }
  return times;
}

/**
 * The largest number of guesses between two sign-ins of the owner that does not block the owner, whose sign-in resets the counter:
 * whole rounds with a cool-down that is over by then, and four more guesses, which cause no cool-down.
 */
export function guessesBetweenSignIns(seconds: number): number {
  const over = roundTimes().filter((time) => time <= seconds).length - 1;
  return Math.min(over * guessesPerRound + (guessesPerRound - 1), failuresUntilDisabled - 1);
}

const windowSeconds = 900;

/** The password guesses of a day, from the number for each quarter of an hour. */
export const guessesPerDay = (perWindow: number): number => (perWindow * 86_400) / windowSeconds;
