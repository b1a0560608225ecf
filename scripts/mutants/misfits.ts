import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Mutant } from "../../test/mutants/mutant.ts";

/** Returns the errors in the definitions of faults, such as a `find` text that does not occur exactly once in its file. */
export function findMisfits(root: string, mutants: readonly Mutant[]): string[] {
  const names = mutants.map(({ name }) => name);
  return mutants.flatMap(({ name, file, find, replace, tests }) => {
    const path = join(root, file);
    const places = existsSync(path) ? readFileSync(path, "utf8").split(find).length - 1 : 0;
    return [
      ...(places === 1 ? [] : [`${name}: what it looks for stands ${places} times in ${file}`]),
      ...(replace === find ? [`${name}: it changes nothing`] : []),
      ...(names.filter((other) => other === name).length === 1 ? [] : [`${name}: the name is there twice`]),
      ...tests.filter((test) => !existsSync(join(root, test))).map((test) => `${name}: there is no ${test}`),
    ];
  });
}
