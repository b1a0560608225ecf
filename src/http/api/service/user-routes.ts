import * as z from "zod/mini";
import {
  createUser,
  deleteUser,
  disableUser,
  enableUser,
  getUserStatus,
  listUsers,
  putUser,
  type UserResult,
  type UserStatus,
} from "../../../domain/service-api/users.ts";
import type { User } from "../../../store/users/user-rows.ts";
import { email, password, username } from "../fields.ts";
import { serviceOperation } from "./service-operation.ts";
import {
  cursor,
  describeStatus,
  describeUser,
  exampleStatus,
  exampleUser,
  limit,
  nextCursor,
  user,
  userId,
  userStatus,
} from "./service-schemas.ts";

interface UserPage {
  readonly ok: true;
  readonly users: readonly User[];
  readonly asked: number;
}

const tag = "Users";
const createBody = () =>
  z.strictObject({
    id: z.optional(userId()),
    username: username(),
    password: z.optional(password()),
    email: z.optional(email()),
  });
const putBody = () =>
  z.strictObject({
    username: z.optional(username()),
    password: z.optional(password()),
    email: z.optional(z.nullable(email())),
  });
const list = "users";
const listQuery = () =>
  z.strictObject({ cursor: cursor(list), limit: limit(), username: z.optional(username()) });
const present = ({ user: row }: UserResult) => describeUser(row);

export const userOperations = [
  serviceOperation<UserPage>()({
    id: "listUsers",
    method: "get",
    path: "/v1/users",
    tag,
    summary: "List the users of the realm by name",
    scope: "users:read",
    query: listQuery,
    data: () => z.object({ users: z.array(user()), next_cursor: z.nullable(z.string()) }),
    example: { users: [exampleUser], next_cursor: null },
    act: async (c, call, { query }) => {
      const page = {
        afterName: query.cursor ?? "",
        limit: query.limit,
        username: query.username ?? null,
      };
      return { ok: true, users: await listUsers(c.var.deps, call, page), asked: query.limit };
    },
    present: ({ users, asked }) => ({
      users: users.map(describeUser),
      next_cursor: nextCursor(list, users, asked, (last) => last.username),
    }),
  }),
  serviceOperation<UserResult>()({
    id: "createUser",
    method: "post",
    path: "/v1/users",
    tag,
    summary: "Create a user",
    description: "Under the id that you give, or a random one. To create or update in one call, use PUT.",
    scope: "users:write",
    body: createBody,
    bodyExample: { id: "42", username: "ada", email: "ada@example.com" },
    data: user,
    example: exampleUser,
    status: 201,
    failures: ["export_key_required", "user_exists", "weak_password"],
    act: (c, call, { body: { id, ...fields } }) => createUser(c.var.deps, call, id ?? null, fields),
    present,
  }),
  serviceOperation<UserResult>()({
    id: "putUser",
    method: "put",
    path: "/v1/users/:id",
    tag,
    summary: "Create or update a user by your own id",
    description: "Fields that are left out keep their value. A new password signs the user out everywhere.",
    scope: "users:write",
    body: putBody,
    bodyExample: { username: "ada", email: "ada@example.com" },
    data: user,
    example: exampleUser,
    createdStatus: ({ created }) => created,
    failures: ["export_key_required", "user_exists", "weak_password"],
    act: (c, call, { body }) => {
      const id = userId().safeParse(call.userId);
      return id.success ? putUser(c.var.deps, call, body) : Promise.resolve(noSuchUser);
    },
    present,
  }),
  serviceOperation<UserStatus>()({
    id: "getUser",
    method: "get",
    path: "/v1/users/:id",
    tag,
    summary: "Get a user: enrolled, blocked until, backup codes left",
    scope: "users:read",
    data: userStatus,
    example: exampleStatus,
    failures: ["no_such_user"],
    act: (c, call) => getUserStatus(c.var.deps, call),
    present: describeStatus,
  }),
  ...(["disable", "enable"] as const).map((verb) =>
    serviceOperation<UserResult>()({
      id: `${verb}User`,
      method: "post",
      path: `/v1/users/:id/${verb}`,
      tag,
      summary: verb === "disable" ? "Close an account and sign it out everywhere" : "Open an account again",
      scope: "users:write",
      data: user,
      example: exampleUser,
      failures: ["export_key_required", "no_such_user"],
      act: (c, call) => (verb === "disable" ? disableUser : enableUser)(c.var.deps, call),
      present,
    }),
  ),
  serviceOperation<{ readonly ok: true }>()({
    id: "deleteUser",
    method: "delete",
    path: "/v1/users/:id",
    tag,
    summary: "Delete a user with everything but the record of what happened",
    scope: "users:write",
    data: () => z.object({ deleted: z.literal(true) }),
    example: { deleted: true },
    failures: ["export_key_required", "no_such_user"],
    act: (c, call) => deleteUser(c.var.deps, call),
    present: () => ({ deleted: true }) as const,
  }),
] as const;

const noSuchUser = { ok: false, reason: "no_such_user" } as const;
