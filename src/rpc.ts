import { WorkerEntrypoint } from "cloudflare:workers";
import { formatSvgDataUri, renderQrSvg } from "./core/lib/qr.ts";
import { toBackendUserId } from "./core/parsing/user-id.ts";
import { authenticatedAt, isTokenFresh } from "./domain/access/access.ts";
import type { Deps } from "./domain/deps.ts";
import type { Failure } from "./domain/failure.ts";
import type { UserServiceCall } from "./domain/service-api/service-caller.ts";
import { confirmUserEnrolment, startUserEnrolment } from "./domain/service-api/service-enrolment.ts";
import { getUserStatus, putUser } from "./domain/service-api/users.ts";
import { verifyUserCode } from "./domain/service-api/verify-user-code.ts";
import { readFullSessionFromToken } from "./domain/sessions/read-session-token.ts";
import { type FullSession, recheckSession } from "./domain/sessions/sessions.ts";
import { log } from "./log.ts";
import { logAndConvertToRpcFailure, type RpcFailure, toRpcFailure } from "./rpc/rpc-failure.ts";
import {
  type ParsedRpcInput,
  parseRpcInput,
  type RpcInput,
  type RpcMethod,
  realmAndCallerPropsSchema,
} from "./rpc/rpc-inputs.ts";
import type {
  RpcConfirmation,
  RpcEnrolment,
  RpcSession,
  RpcStatus,
  RpcVerification,
} from "./rpc/rpc-results.ts";
import { type Bindings, createDeps, getConfig } from "./runtime.ts";

export type { RpcCode, RpcFailure } from "./rpc/rpc-failure.ts";
export type {
  RpcConfirmation,
  RpcEnrolment,
  RpcSession,
  RpcStatus,
  RpcVerification,
} from "./rpc/rpc-results.ts";

/** A call with its dependencies. */
interface RpcCall extends Omit<UserServiceCall, "idempotency"> {
  readonly deps: Deps;
  /** The caller of a service binding gets each response or an exception, so no response is stored for a retry. */
  readonly idempotency: null;
}

/**
 * The second factor for other Workers, without HTTP: a Worker binds this class as a service, with
 * `props = { realm, caller }`. Its codes share the attempts, the one-time use and the audit events of all other paths.
 * Methods throw neither for invalid input nor for an outage of D1: they return a refusal.
 */
export class SecondFactor extends WorkerEntrypoint<Bindings, unknown> {
  /** Returns the state of a user's second factor. One read. */
  status(input: RpcInput<"status">): Promise<RpcStatus | RpcFailure> {
    return this.#run("status", input, async (call) => {
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
   * Starts to set up a user's second factor, and creates the user if there is none with this id. A user with a second
   * factor must pass a code of it, and keeps it until `confirm`.
   */
  enrol(input: RpcInput<"enrol">): Promise<RpcEnrolment | RpcFailure> {
    return this.#run("enrol", input, async (call, { code, username, email }) => {
      const user = await putUser(call.deps, call, { username, email });
      if (!user.ok) return user;
      const enrolment = await startUserEnrolment(call.deps, { ...call, known: user.user }, code ?? null);
      if (!enrolment.ok) return enrolment;
      const { secret, keyUri, expiresInSeconds } = enrolment;
      const qrCode = formatSvgDataUri(renderQrSvg(keyUri));
      return { ok: true, secret, provisioningUri: keyUri, qrCode, expiresInSeconds };
    });
  }

  /** Switches the second factor on with the first code. One read, one batch. */
  confirm(input: RpcInput<"confirm">): Promise<RpcConfirmation | RpcFailure> {
    return this.#run("confirm", input, async (call, { code }) => {
      const confirmed = await confirmUserEnrolment(call.deps, call, code);
      return confirmed.ok ? { ok: true, backupCodes: confirmed.evidence.newBackupCodes ?? [] } : confirmed;
    });
  }

  /** Checks a code of an authenticator app, or a backup code. One read, one batch. */
  verify(input: RpcInput<"verify">): Promise<RpcVerification | RpcFailure> {
    return this.#run("verify", input, async (call, { code, action, nonce, ip }) => {
      const { basePath, publicUrl } = call.deps.config;
      const verified = await verifyUserCode(
        call.deps,
        { ...call, client: { ...call.client, address: ip ?? null } },
        {
          code,
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

  /** Returns the session of a session token, and its user. No I/O while the token is fresh, one trip after that. */
  session(input: RpcInput<"session">): Promise<RpcSession | RpcFailure> {
    return this.#run("session", input, async ({ deps, realm, now }, { token }) => {
      const session = await readFullSessionFromToken(deps, token, now);
      if (session === null || session.realm !== realm) return sessionOver;
      if (isTokenFresh(deps, session, now)) return toRpcSession(session, null);
      const checked = await recheckSession(deps, session, now);
      if (checked === null) return sessionOver;
      return toRpcSession(checked.session, checked.token);
    });
  }

  /**
   * Authenticates the caller by its `props`, validates the input and runs the method. Returns a refusal for what is
   * wrong, and for an error, which it logs; throws nothing.
   */
  async #run<M extends RpcMethod, Result extends { readonly ok: true }>(
    method: M,
    input: unknown,
    run: (call: RpcCall, input: ParsedRpcInput<M>) => Promise<Result | Failure>,
  ): Promise<Result | RpcFailure> {
    const requestId = crypto.randomUUID();
    try {
      const props = realmAndCallerPropsSchema().safeParse(this.ctx.props);
      if (!props.success) {
        log("error", "rpc.unknown_caller", { request_id: requestId, expected: "props = { realm, caller }" });
        return { ok: false, code: "forbidden" };
      }
      const parsed = parseRpcInput(method, input);
      if (!parsed.ok) {
        const { place, detail } = parsed;
        return { ok: false, code: "invalid_format", field: place, detail };
      }
      const { realm, caller } = props.data;
      const call: RpcCall = {
        deps: createDeps(getConfig(this.env), this.env, this.ctx, requestId),
        realm,
        userId: "user" in parsed.fields ? parsed.fields.user : "",
        client: { requestId, address: null, userAgent: null, actor: `rpc:${caller}` },
        now: new Date(),
        exportKey: "binding",
        idempotency: null,
      };
      const result = await run(call, parsed.fields);
      return result.ok ? result : toRpcFailure(result);
    } catch (error) {
      return logAndConvertToRpcFailure(error, requestId);
    }
  }
}

const sessionOver: Failure = { ok: false, reason: "session_over" };

function toRpcSession(session: FullSession, renewedToken: string | null): RpcSession {
  const { userId: id, username: name, email: mail, amr, secondFactorAt, expiresAt, realm } = session;
  return {
    ok: true,
    user: { id: toBackendUserId(realm, id), username: name, email: mail },
    aal: secondFactorAt === null ? 1 : 2,
    amr: [...amr],
    authTime: authenticatedAt(session).getTime(),
    expiresAt: expiresAt.getTime(),
    renewedToken,
  };
}
