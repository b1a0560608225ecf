// What an attacker gets, computed from the numbers of the contract and nothing else. No line of the Worker is asked.

/** Six digits. */
const codes = 1_000_000;

/** The code of the current step, and one on either side. */
const liveCodes = 3;

const guessesPerRound = 5;
const failuresUntilDisabled = 100;
const rounds = failuresUntilDisabled / guessesPerRound;

/**
 * RFC 4226 takes the remainder of 31 random bits by a million, so the codes below 483,648 come up 2,148 times in 2^31
 * and the others 2,147 times. Who guesses only the former has this chance to hit the code of one step.
 */
export const likeliestCode = Math.ceil(2 ** 31 / codes) / 2 ** 31;

/** The chance of a whole budget: 20 rounds of 5 different guesses, each round against other live codes. */
export function chanceOfBudget(perCode = 1 / codes): number {
  return 1 - (1 - guessesPerRound * perCode) ** (liveCodes * rounds);
}

/** The chance of so many guesses, each of which hits one of the live codes or not. */
export function chanceOfGuesses(guesses: number): number {
  return 1 - (1 - liveCodes / codes) ** guesses;
}

/** The chance of a whole budget of backup codes: ten of 40 bits each. */
export const chanceOfBackupCodes = (failuresUntilDisabled * 10) / 2 ** 40;

/** When each round of five may be guessed, in seconds from the first, by somebody who waits for nothing else. */
export function roundTimes(): number[] {
  const times = [0];
  for (let round = 1; round < rounds; round++) {
    const coolDown = Math.min(60 * 2 ** (round - 1), 3600);
    times.push((times.at(-1) ?? 0) + coolDown);
  }
  return times;
}

/**
 * The most guesses between two sign-ins of the owner after which the owner still gets in, so that the counter begins
 * anew: whole rounds whose cool-down is over by then, and four more, which cause none.
 */
export function guessesBetweenSignIns(seconds: number): number {
  const over = roundTimes().filter((time) => time <= seconds).length - 1;
  return Math.min(over * guessesPerRound + (guessesPerRound - 1), failuresUntilDisabled - 1);
}

const windowSeconds = 900;

/** Password guesses of a day, so many in each quarter of an hour. */
export const guessesPerDay = (perWindow: number): number => (perWindow * 86_400) / windowSeconds;
