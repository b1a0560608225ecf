// The attacker's chances of success, computed only from the numbers in docs/contract.md, without code of the Worker.

/** Six digits. */
const codes = 1_000_000;

/** The codes of the current, the previous and the next time step are valid. */
const liveCodes = 3;

const guessesPerRound = 5;
const failuresUntilDisabled = 100;
const rounds = failuresUntilDisabled / guessesPerRound;

/**
 * RFC 4226 computes 31 random bits modulo a million, so each code below 483,648 results from 2,148 of the 2^31 values and each
 * other code from 2,147. A guess below 483,648 has this probability of being the code of one time step.
 */
export const likeliestCode = Math.ceil(2 ** 31 / codes) / 2 ** 31;

/** The probability that one guess of the whole budget succeeds: 20 rounds of 5 different guesses, with other valid codes in each. */
export function chanceOfBudget(perCode = 1 / codes): number {
  return 1 - (1 - guessesPerRound * perCode) ** (liveCodes * rounds);
}

/** The chance that at least one of these guesses hits a valid code. */
export function chanceOfGuesses(guesses: number): number {
  return 1 - (1 - liveCodes / codes) ** guesses;
}

/** The probability that the whole budget hits one of ten backup codes of 40 bits each. */
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
 * whole rounds whose cool-down ends before the sign-in, and four more guesses, which cause no cool-down.
 */
export function guessesBetweenSignIns(seconds: number): number {
  const over = roundTimes().filter((time) => time <= seconds).length - 1;
  return Math.min(over * guessesPerRound + (guessesPerRound - 1), failuresUntilDisabled - 1);
}

const windowSeconds = 900;

/** The password guesses per day, from the number per 15 minutes. */
export const guessesPerDay = (perWindow: number): number => (perWindow * 86_400) / windowSeconds;
