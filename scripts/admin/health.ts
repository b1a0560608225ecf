import type { Command } from "commander";
import { health, read } from "./answers.ts";
import type { OpenSession } from "./command.ts";
import { exitCodes, PartlyDone, ServerRefusal } from "./failure.ts";
import { example } from "./help.ts";
import { renderFields } from "./text.ts";

/** Adds `health`. */
export function addHealthCommand(program: Command, open: OpenSession): void {
  program
    .command("health")
    .description("Check the deployment and its parts; needs no key")
    .addHelpText("after", example("sallyport-admin health --url https://www.example.com/api/auth"))
    .action(async (_options: object, command: Command) => {
      const { output, connectWithoutKey } = open(command);
      const api = connectWithoutKey();
      const { parts, failing } = await api
        .call({ path: "/health" })
        .then((answer) => ({ parts: read(health, answer), failing: false }))
        .catch((error: unknown) => {
          const told = error instanceof ServerRefusal ? health.safeParse(error.problem.members.parts) : null;
          if (told?.success !== true) throw error;
          return { parts: told.data, failing: true };
        });
      output.data(parts);
      output.lines(renderFields(Object.entries(parts)));
      if (failing) throw new PartlyDone(exitCodes.refused, `${api.url.href}: some parts fail.`);
      output.line(`${api.url.href} is healthy.`, "green");
    });
}
