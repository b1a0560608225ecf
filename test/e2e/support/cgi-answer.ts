import assert from "node:assert/strict";
import type { Answer } from "./client.ts";

/** The response comes from the CGI program of `cgi-site.ts`. */
export const cameFromCgiSite = ({ headers }: Answer): boolean => headers["x-cgi-site"] === "reached";

/** The environment of the CGI program: `HTTP_` and the folded name for each header (RFC 3875 4.1.18). */
export function environmentIn(answer: Answer): Map<string, string> {
  assert.ok(cameFromCgiSite(answer), `the site was not reached: ${answer.status} ${answer.body}`);
  const [environment = ""] = answer.body.split("\n\n", 1);
  return new Map(
    environment.split("\n").map((line): [string, string] => {
      const equals = line.indexOf("=");
      return [line.slice(0, equals), line.slice(equals + 1)];
    }),
  );
}

/** What the CGI program read from its standard input. */
export const inputIn = ({ body }: Answer): string => body.slice(body.indexOf("\n\n") + 2);
