import * as z from "zod/mini";
import {
  createUser,
  deleteUser,
  disableUser,
  enableUser,
  getUserStatus,
  listUsers,
  putUser,
} from "../../../domain/service-api/users.ts";
import type { WriteUserRowResult } from "../../../domain/service-api/write-user.ts";
import type { User } from "../../../store/users/user-rows.ts";
import { defineOperation } from "../define-operation.ts";
import { emailSchema, passwordSchema, userIdSchema, usernameSchema } from "../fields.ts";
import { defineDataResponse } from "../success-response.ts";
import {
  cursorSchema,
  encodeNextPageCursor,
  exampleUser,
  exampleUserWithStatus,
  pageLimitSchema,
  toUserBody,
  toUserWithStatusBody,
  userSchema,
  userWithStatusSchema,
} from "./service-schemas.ts";

interface UserListResult {
  readonly ok: true;
  readonly users: readonly User[];
  readonly limit: number;
}

const tag = "Users";
const createBody = () =>
  z.strictObject({
    id: z.optional(userIdSchema()),
    username: usernameSchema(),
    password: z.optional(passwordSchema()),
    email: z.optional(emailSchema()),
  });
const putBody = () =>
  z.strictObject({
    username: z.optional(usernameSchema()),
    password: z.optional(passwordSchema()),
    email: z.optional(z.nullable(emailSchema())),
  });
const list = "users";
const listQuery = () =>
  z.strictObject({
    cursor: cursorSchema(list),
    limit: pageLimitSchema(),
    username: z.optional(usernameSchema()),
  });
const userResponse = defineDataResponse({
  data: userSchema,
  example: exampleUser,
  present: ({ user: row }: WriteUserRowResult) => toUserBody(row),
});

/** The operations on the users of a realm: `/v1/users` and `/v1/users/{id}`. */
export const userOperations = [
  defineOperation({
    id: "listUsers",
    method: "get",
    path: "/v1/users",
    tag,
    summary: "List the users of the realm by name",
    access: "users:read",
    query: listQuery,
    response: defineDataResponse({
      data: () => z.object({ users: z.array(userSchema()), next_cursor: z.nullable(z.string()) }),
      example: { users: [exampleUser], next_cursor: null },
      present: ({ users, limit }: UserListResult) => ({
        users: users.map(toUserBody),
        next_cursor: encodeNextPageCursor(list, users, limit, (last) => last.username),
      }),
    }),
    run: async (c, { call, query }) => {
      const page = {
        afterName: query.cursor ?? "",
        limit: query.limit,
        username: query.username ?? null,
      };
      return { ok: true, users: await listUsers(c.var.deps, call, page), limit: query.limit };
    },
  }),
  defineOperation({
    id: "createUser",
    method: "post",
    path: "/v1/users",
    tag,
    summary: "Create a user",
    description: "With the id of the request, or a random one. To create or update in one call, use PUT.",
    access: "users:write",
    body: createBody,
    bodyExample: { id: "42", username: "ada", email: "ada@example.com" },
    response: defineDataResponse({
      data: userSchema,
      example: exampleUser,
      status: 201,
      present: ({ user: row }: WriteUserRowResult) => toUserBody(row),
    }),
    failures: ["export_key_required", "user_exists", "weak_password"],
    run: (c, { call, body: { id, ...fields } }) => createUser(c.var.deps, call, id ?? null, fields),
  }),
  defineOperation({
    id: "putUser",
    method: "put",
    path: "/v1/users/:id",
    tag,
    summary: "Create or update a user by your own id",
    description: "Fields that are left out keep their value. A new password signs the user out everywhere.",
    access: "users:write",
    body: putBody,
    bodyExample: { username: "ada", email: "ada@example.com" },
    response: defineDataResponse({
      data: userSchema,
      example: exampleUser,
      isCreated: ({ created }) => created,
      present: ({ user: row }: WriteUserRowResult) => toUserBody(row),
    }),
    failures: ["export_key_required", "user_exists", "weak_password"],
    run: async (c, { call, body }) => {
      if (!userIdSchema().safeParse(call.userId).success) return { ok: false, reason: "no_such_user" };
      return putUser(c.var.deps, call, body);
    },
  }),
  defineOperation({
    id: "getUser",
    method: "get",
    path: "/v1/users/:id",
    tag,
    summary: "Get a user and the state of the second factor",
    access: "users:read",
    response: defineDataResponse({
      data: userWithStatusSchema,
      example: exampleUserWithStatus,
      present: toUserWithStatusBody,
    }),
    failures: ["no_such_user"],
    run: (c, { call }) => getUserStatus(c.var.deps, call),
  }),
  ...(["disable", "enable"] as const).map((verb) =>
    defineOperation({
      id: `${verb}User`,
      method: "post",
      path: `/v1/users/:id/${verb}`,
      tag,
      summary: verb === "disable" ? "Disable an account and end its sessions" : "Enable a disabled account",
      access: "users:write",
      response: userResponse,
      failures: ["export_key_required", "no_such_user"],
      run: (c, { call }) => (verb === "disable" ? disableUser : enableUser)(c.var.deps, call),
    }),
  ),
  defineOperation({
    id: "deleteUser",
    method: "delete",
    path: "/v1/users/:id",
    tag,
    summary: "Delete a user and all data except audit events",
    access: "users:write",
    response: defineDataResponse({
      data: () => z.object({ deleted: z.literal(true) }),
      example: { deleted: true },
      present: () => ({ deleted: true }) as const,
    }),
    failures: ["export_key_required", "no_such_user"],
    run: (c, { call }) => deleteUser(c.var.deps, call),
  }),
] as const;
