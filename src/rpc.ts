import { WorkerEntrypoint } from "cloudflare:workers";
import * as z from "zod/mini";
import { lazy } from "./core/lib/lazy.ts";
import { renderQrSvg, svgDataUri } from "./core/lib/qr.ts";
import { parseCodeInput } from "./core/parsing/code-input.ts";
import { callerUserId, realmForm, userIdForm } from "./core/parsing/user-id.ts";
import { canonicalUsername } from "./core/parsing/username.ts";
import { authenticatedAt, isTokenFresh } from "./domain/access/access.ts";
import type { Deps } from "./domain/deps.ts";
import type { Failure } from "./domain/failure.ts";
import type { UserServiceCall } from "./domain/service-api/service-caller.ts";
import { beginUserEnrolment, confirmUserEnrolment } from "./domain/service-api/service-enrolment.ts";
import { getUserStatus, putUser } from "./domain/service-api/users.ts";
import { verifyUserCode } from "./domain/service-api/verify-user-code.ts";
import { readFullSession } from "./domain/sessions/read-session-token.ts";
import { type FullSession, recheckSession } from "./domain/sessions/sessions.ts";
import { describeError, log } from "./log.ts";
import { type Bindings, createDeps, getConfig, Misconfigured } from "./runtime.ts";
import { StoreUnavailable } from "./store/platform/database.ts";

/** Who calls: the `props` of the caller's service binding. Its code can't change them. */
const callerProps = lazy(() =>
  z.object({
    realm: z.string().check(z.regex(realmForm)),
    /** A name for the record. */
    caller: z.string().check(z.regex(/^[\x21-\x7e]{1,64}$/)),
  }),
);

/** Why a call was refused, with the codes of the HTTP API (docs/contract.md#errors). */
export type RpcCode =
  | "invalid_format"
  | "invalid_code"
  | "too_many_attempts"
  | "second_factor_disabled"
  | "forbidden"
  | "not_found"
  | "already_enabled"
  | "not_enabled"
  | "enrolment_expired"
  | "conflict"
  | "session_expired"
  | "store_unavailable"
  | "internal_error";

/** Nothing was done, or what was shown was not accepted. */
export interface RpcRefusal {
  readonly ok: false;
  readonly code: RpcCode;
  /** When asking again can help. */
  readonly retryAfterSeconds?: number;
  /** Which field has the wrong form. */
  readonly field?: string;
}

/** How things stand with a user; times in milliseconds since the epoch. */
export interface RpcStatus {
  readonly ok: true;
  readonly enrolled: boolean;
  readonly setupAt: number | null;
  readonly backupCodesRemaining: number;
  readonly blockedUntil: number | null;
  readonly secondFactorDisabled: boolean;
  readonly disabledAt: number | null;
}

/** What an authenticator app needs, to be shown once. */
export interface RpcEnrolment {
  readonly ok: true;
  readonly secret: string;
  readonly provisioningUri: string;
  /** `data:image/svg+xml;base64,…` */
  readonly qrCode: string;
  readonly expiresInSeconds: number;
}

/** The second factor is on; the codes are to be shown once. */
export interface RpcConfirmation {
  readonly ok: true;
  readonly backupCodes: readonly string[];
}

/** The code was right, and is spent. */
export interface RpcVerification {
  readonly ok: true;
  readonly method: "totp" | "backup_code";
  readonly backupCodesRemaining: number;
  /** JWT (EdDSA) for others; see `docs/rpc.md`. */
  readonly receipt: string;
}

/** Who is signed in with a session token of this realm; times in milliseconds since the epoch. */
export interface RpcSession {
  readonly ok: true;
  readonly user: { readonly id: string; readonly username: string; readonly email: string | null };
  readonly aal: 1 | 2;
  readonly amr: readonly string[];
  readonly authTime: number;
  readonly expiresAt: number;
  /** To be handed back in the place of the one that came. Null: that one is fresh. */
  readonly renewedToken: string | null;
}

const questions = lazy(() => {
  const user = z.string().check(z.regex(userIdForm));
  const username = z.string().check(z.refine((text: string) => canonicalUsername(text) !== null));
  const code = z.string().check(z.refine((text: string) => parseCodeInput(text) !== null));
  const word = z.optional(z.string().check(z.regex(/^[^\p{C}]{1,256}$/u)));
  const email = z.nullable(z.email().check(z.maxLength(254)));
  const ip = z.optional(z.union([z.ipv4(), z.ipv6()]));
  return {
    status: z.strictObject({ user }),
    enrol: z.strictObject({
      user,
      username: z.optional(username),
      email: z.optional(email),
      code: z.optional(code),
    }),
    confirm: z.strictObject({ user, code }),
    verify: z.strictObject({ user, code, action: word, nonce: word, ip }),
    session: z.strictObject({ token: z.string().check(z.maxLength(4096)) }),
  } as const;
});

type Questions = ReturnType<typeof questions>;
type Question<K extends keyof Questions> = z.input<Questions[K]>;

/** What a method works with. */
interface Call extends Omit<UserServiceCall, "keep"> {
  readonly deps: Deps;
  /** Nothing is kept for a retry: who calls over a binding hears of every answer, or of an exception. */
  readonly keep: (result: unknown) => Promise<null>;
}

/**
 * The second factor for other Workers, without HTTP: bind this class as a service, with
 * `props = { realm, caller }`. One budget, one rule of one-time use and one record with every other path. Nothing is
 * thrown for what a user sends, or for a store that fails.
 */
export class SecondFactor extends WorkerEntrypoint<Bindings, unknown> {
  /** Tells how things stand with a user. One read. */
  status(question: Question<"status">): Promise<RpcStatus | RpcRefusal> {
    return this.#answer("status", question, async (call) => {
      const status = await getUserStatus(call.deps, call);
      if (!status.ok) return status;
      const { user } = status;
      return {
        ok: true,
        enrolled: user.totpEnabled,
        setupAt: user.totpSetupAt?.getTime() ?? null,
        backupCodesRemaining: status.backupCodesRemaining,
        blockedUntil: status.blockedUntil?.getTime() ?? null,
        secondFactorDisabled: status.secondFactorDisabled,
        disabledAt: user.disabledAt?.getTime() ?? null,
      };
    });
  }

  /**
   * Begins to set up the second factor of a user, who is created when he is new. Who has one shows a code of it, and
   * keeps it until `confirm`.
   */
  enrol(question: Question<"enrol">): Promise<RpcEnrolment | RpcRefusal> {
    return this.#answer("enrol", question, async (call, { code: text, username: name, email: mail }) => {
      const user = await putUser(call.deps, call, {
        username: name === undefined ? undefined : (canonicalUsername(name) ?? undefined),
        email: mail,
      });
      if (!user.ok) return user;
      const shown = text === undefined ? null : parseCodeInput(text);
      const enrolment = await beginUserEnrolment(call.deps, { ...call, known: user.user }, shown);
      if (!enrolment.ok) return enrolment;
      const { secret, keyUri, expiresInSeconds } = enrolment;
      const qrCode = svgDataUri(renderQrSvg(keyUri));
      return { ok: true, secret, provisioningUri: keyUri, qrCode, expiresInSeconds };
    });
  }

  /** Switches the second factor on with the first code. One read, one batch. */
  confirm(question: Question<"confirm">): Promise<RpcConfirmation | RpcRefusal> {
    return this.#answer("confirm", question, async (call, { code: text }) => {
      const input = parseCodeInput(text);
      if (input?.kind !== "totp") return invalid("code");
      const confirmed = await confirmUserEnrolment(call.deps, call, input);
      return confirmed.ok ? { ok: true, backupCodes: confirmed.evidence.newBackupCodes ?? [] } : confirmed;
    });
  }

  /** Checks a code of an authenticator app, or a backup code. One read, one batch. */
  verify(question: Question<"verify">): Promise<RpcVerification | RpcRefusal> {
    return this.#answer("verify", question, async (call, { code: text, action, nonce, ip }) => {
      const input = parseCodeInput(text);
      if (input === null) return invalid("code");
      const { basePath, publicUrl } = call.deps.config;
      const verified = await verifyUserCode(
        call.deps,
        { ...call, client: { ...call.client, address: ip ?? null } },
        {
          code: input,
          action: action ?? null,
          nonce: nonce ?? null,
          issuer: publicUrl === null ? "urn:sallyport" : publicUrl + basePath,
        },
      );
      if (!verified.ok) return verified;
      const { method, backupCodesRemaining } = verified.evidence;
      return { ok: true, method, backupCodesRemaining, receipt: verified.outcome.receipt };
    });
  }

  /** Says who is signed in with a session token. No I/O while the token is fresh, else one trip. */
  session(question: Question<"session">): Promise<RpcSession | RpcRefusal> {
    return this.#answer("session", question, async ({ deps, realm, now }, { token }) => {
      const session = await readFullSession(deps, token, now);
      if (session === null || session.realm !== realm) return sessionOver;
      if (isTokenFresh(deps, session, now)) return describeSession(session, null);
      const checked = await recheckSession(deps, session, now);
      if (checked === null) return sessionOver;
      return describeSession(checked.session, checked.token);
    });
  }

  /** Looks after what all methods need: who calls, the form of the question, and what can go wrong. */
  async #answer<K extends keyof Questions, T extends { readonly ok: true }>(
    method: K,
    question: unknown,
    act: (call: Call, question: z.output<Questions[K]>) => Promise<T | Failure | RpcRefusal>,
  ): Promise<T | RpcRefusal> {
    const requestId = crypto.randomUUID();
    try {
      const props = callerProps().safeParse(this.ctx.props);
      if (!props.success) {
        log("error", "rpc.unknown_caller", { request_id: requestId, expected: "props = { realm, caller }" });
        return { ok: false, code: "forbidden" };
      }
      const parsed = questions()[method].safeParse(question);
      if (!parsed.success) return invalid(parsed.error.issues[0]?.path.join(".") ?? "");
      const data = parsed.data as z.output<Questions[K]>;
      const config = getConfig(this.env);
      const { realm, caller } = props.data;
      const result = await act(
        {
          deps: createDeps(config, this.env, this.ctx, requestId),
          realm,
          userId: "user" in data ? data.user : "",
          client: { requestId, address: null, userAgent: null, actor: `rpc:${caller}` },
          now: new Date(),
          exportKey: "binding",
          keep: async () => null,
        },
        data,
      );
      return result.ok || "code" in result ? result : refuse(result);
    } catch (error) {
      return failClosed(error, requestId);
    }
  }
}

const sessionOver: Failure = { ok: false, reason: "session_over" };

const invalid = (field: string): RpcRefusal => ({ ok: false, code: "invalid_format", field });

function describeSession(session: FullSession, renewedToken: string | null): RpcSession {
  const { userId: id, username: name, email: mail, amr, secondFactorAt, expiresAt, realm } = session;
  return {
    ok: true,
    user: { id: callerUserId(realm, id), username: name, email: mail },
    aal: secondFactorAt === null ? 1 : 2,
    amr: [...amr],
    authTime: authenticatedAt(session).getTime(),
    expiresAt: expiresAt.getTime(),
    renewedToken,
  };
}

/** Wrong and replayed codes look the same from outside. What can't come of these methods is a fault of ours. */
const codes: Partial<Record<Failure["reason"], RpcCode>> = {
  wrong_code: "invalid_code",
  replayed_code: "invalid_code",
  too_many_attempts: "too_many_attempts",
  second_factor_disabled: "second_factor_disabled",
  account_disabled: "forbidden",
  export_key_required: "forbidden",
  no_such_user: "not_found",
  already_enabled: "already_enabled",
  not_enabled: "not_enabled",
  enrolment_expired: "enrolment_expired",
  user_exists: "conflict",
  session_over: "session_expired",
  field_unreadable: "store_unavailable",
};

/** Says a failure in the words of the binding. */
export function refuse(failure: Failure): RpcRefusal {
  const code = codes[failure.reason] ?? "internal_error";
  return failure.reason === "too_many_attempts"
    ? { ok: false, code, retryAfterSeconds: failure.retryAfterSeconds }
    : { ok: false, code };
}

/** As soon as anywhere else (`http/problem/problem.ts`). */
const outageRetrySeconds = 5;

function failClosed(error: unknown, requestId: string): RpcRefusal {
  const down = error instanceof StoreUnavailable;
  const event = down
    ? "store_unavailable"
    : error instanceof Misconfigured
      ? "misconfigured"
      : "internal_error";
  log("error", event, { request_id: requestId, ...describeError(error) });
  return down
    ? { ok: false, code: "store_unavailable", retryAfterSeconds: outageRetrySeconds }
    : { ok: false, code: "internal_error" };
}
