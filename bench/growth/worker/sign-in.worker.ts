import { prepareSession } from "../../../src/domain/sessions/sessions.ts";
import { firstFactorOnlySessionLimitsAt } from "../../../src/domain/sign-in/first-factor-sessions.ts";
import { pendingSessionTtlSeconds } from "../../../src/domain/sign-in/openings.ts";
import { localRealm } from "../../../src/domain/sign-in/password-sign-in.ts";
import { computePasswordAttemptCounters } from "../../../src/domain/sign-in/throttle.ts";
import { type Bindings, createDeps, getConfig } from "../../../src/runtime.ts";
import { generateRandomEventId } from "../../../src/store/service/audit.ts";
import { findAccountForSignIn, openOrShareSignInSession } from "../../../src/store/sessions/sign-in-batch.ts";

/**
 * A sign-in with the correct password, without its verification: the same read and batch as Sallyport, without scrypt, which takes a
 * hundred times as long and would hide them. The request body is the user name.
 */
export default {
  async fetch(request, env, context) {
    const now = new Date();
    const { config, db } = createDeps(getConfig(env), env, context, crypto.randomUUID());
    const name = { realm: localRealm, username: await request.text() };
    const client = { requestId: crypto.randomUUID(), address: "203.0.113.7", userAgent: null };
    const network = client.address;
    const counters = await computePasswordAttemptCounters(
      config.keyring,
      { ...name, network, devices: "" },
      now,
    );
    const { user } = await findAccountForSignIn(db, name, counters.all, now);
    if (user === null) return new Response("No such user", { status: 404 });
    const prepared = await prepareSession(
      {
        kind: "pending",
        userId: user.id,
        binding: null,
        amr: ["pwd"],
        firstFactorAt: now,
        secondFactorAt: null,
        expiresAt: new Date(now.getTime() + pendingSessionTtlSeconds * 1000),
        client,
      },
      now,
    );
    const opened = await openOrShareSignInSession(
      db,
      {
        name,
        counters: counters.all,
        event: {
          id: generateRandomEventId(),
          at: now,
          type: "first_factor.accepted",
          client,
          realm: localRealm,
          userId: user.id,
          sessionId: prepared.row.id,
          detail: { method: "password" },
        },
        session: prepared.row,
        bounds: firstFactorOnlySessionLimitsAt(now),
        user,
        resetCounter: counters.resetBySuccess,
        newPasswordHash: null,
      },
      now,
    );
    return new Response(null, { status: opened.done ? 200 : 409 });
  },
} satisfies ExportedHandler<Bindings>;
