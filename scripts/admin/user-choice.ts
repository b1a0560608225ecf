import { Option } from "commander";
import { read, type User, user, userPage } from "./answers.ts";
import { type Api, pathPart } from "./api.ts";
import { AdminError, exitCodes, ServerRefusal, usageError } from "./failure.ts";

/** How to read `<user>` on the command line. */
export type UserNaming = "id" | "name";

export const namingOption = () =>
  new Option("--by <what>", "how to read <user> (default: both)").choices(["id", "name"]);

/** The ids that can be one segment of a path: URL parsers remove `.` and `..`. */
const userIdPattern = /^(?!\.{1,2}$)[\x21-\x7e]{1,128}$/;

/**
 * Finds a user by name or id.
 *
 * @param by how to interpret `text`; null: as a name or an id
 * @throws AdminError when no user matches, or more than one. In the realm of an external first factor, names can differ in
 *   spelling only: then the text must be the exact name of one user
 */
export async function findUser(api: Api, text: string, by: UserNaming | null): Promise<User> {
  const [named, identified] = await Promise.all([
    by === "id" ? null : findByName(api, text),
    by === "name" ? null : findById(api, text),
  ]);
  if (named !== null && identified !== null && named.id !== identified.id) {
    throw usageError(
      `Two users match: ${identified.username} has the id ${text}, and ${named.username} has the id ${named.id}.`,
      "Use --by id or --by name.",
    );
  }
  const found = named ?? identified;
  if (found !== null) return found;
  const realm = api.realm === undefined ? "" : ` in the realm ${api.realm}`;
  throw new AdminError(exitCodes.refused, `No user ${text}${realm}.`);
}

async function findById(api: Api, id: string): Promise<User | null> {
  if (!userIdPattern.test(id)) return null;
  const answer = await nullIfRefused("not_found", () => api.call({ path: `/v1/users/${pathPart(id)}` }));
  return answer === null ? null : read(user, answer);
}

async function findByName(api: Api, username: string): Promise<User | null> {
  const answer = await nullIfRefused("invalid_format", () =>
    api.call({ path: "/v1/users", query: { username } }),
  );
  if (answer === null) return null;
  const { users } = read(userPage, answer);
  const exact = users.find((user) => user.username === username);
  if (exact === undefined && users.length > 1) {
    throw usageError(
      `There are several users of this name: ${users.map(describeUser).join(", ")}.`,
      "Give the exact name, or the id.",
    );
  }
  return exact ?? users[0] ?? null;
}

/** Returns null when the server responds with this error code. */
async function nullIfRefused(code: string, ask: () => Promise<unknown>): Promise<unknown> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ServerRefusal && error.problem.code === code) return null;
    throw error;
  }
}

/** `ada (id 42, realm shop)`. */
export const describeUser = ({ username, id, realm }: User): string =>
  `${username} (id ${id}, realm ${realm})`;
