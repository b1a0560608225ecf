import { findPasswordWeakness, hashPassword } from "../core/password.ts";
import { type ClientContext, drawEventId } from "../store/audit.ts";
import { insertUser, type User } from "../store/users.ts";
import type { Deps } from "./deps.ts";
import type { Failure } from "./failure.ts";
import { localRealm } from "./sign-in.ts";

export interface NewAccount {
  /** Canonical: `core/username.ts`. */
  readonly username: string;
  readonly password: string | null;
  readonly email: string | null;
  readonly client: ClientContext;
  readonly now: Date;
}

/** Creates an account in the local realm. Without a password nobody can sign in to it until it gets one. */
export async function createUser(
  deps: Deps,
  { username, password, email, client, now }: NewAccount,
): Promise<{ ok: true; user: User } | Failure> {
  const weakness = password === null ? null : findWeakness(deps, password, username, email);
  if (weakness !== null) return { ok: false, reason: "weak_password", weakness };
  const id = crypto.randomUUID();
  const passwordHash = password === null ? null : await hashPassword(password);
  const user = await insertUser(
    deps.db,
    { id, realm: localRealm, username, email, passwordHash, createdAt: now },
    { id: drawEventId(), at: now, type: "user.created", client, realm: localRealm, userId: id },
  );
  return user === null ? { ok: false, reason: "user_exists" } : { ok: true, user };
}

function findWeakness(deps: Deps, password: string, username: string, email: string | null) {
  const context = [
    username,
    deps.config.issuer,
    ...(email === null ? [] : [email, email.split("@")[0] ?? ""]),
  ];
  return findPasswordWeakness(password, context);
}
