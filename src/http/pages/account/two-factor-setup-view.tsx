import { raw } from "hono/html";
import { ChallengeFacts, type ChallengeInfo } from "../challenge/challenge-view.tsx";
import { CodeField, ReturnPathHiddenInput } from "../layout/form-fields.tsx";
import { Layout, Notice, type PageProps } from "../layout/layout.tsx";
import { ClockWarning, formatDuration } from "../layout/time.tsx";

interface SetupProps extends PageProps {
  returnPath: string;
  /** Set when the set-up is part of a hosted challenge. */
  challenge?: ChallengeInfo | undefined;
  error?: string | undefined;
}

interface SetupStartPageProps extends SetupProps {
  /** Two-factor authentication is on, and the set-up replaces the app. */
  replacing: boolean;
  /** The deployment requires two-factor authentication, so the page offers no way to skip the set-up. */
  required: boolean;
}

/** First page of the set-up: what the visitor needs. Posts `step=start`. */
export function SetupStartPage({
  base,
  issuer,
  returnPath,
  challenge,
  replacing,
  required,
  error,
}: SetupStartPageProps) {
  const title = replacing ? "Replace your authenticator app" : "Set up two-factor authentication";
  return (
    <Layout base={base} issuer={issuer} title={title} error={error !== undefined}>
      <p class="step">Step 1 of 3</p>
      <h1>{title}</h1>
      {error ? (
        <Notice kind="error">
          <p>{error}</p>
        </Notice>
      ) : null}
      {challenge === undefined ? null : <ChallengeFacts {...challenge} />}
      <p class="lead">
        {replacing
          ? "Your current app keeps working until you have confirmed a code from the new one."
          : `${reasonForSetup(issuer, required, challenge)}With a code from an app, your password alone is no longer enough to sign in.`}
      </p>
      <h2>What you need</h2>
      <ul class="needs">
        <li>An authenticator app on your phone or computer. Any app for six-digit codes will do.</li>
        <li>
          A safe place for ten backup codes, such as your password manager.
          {replacing ? " They replace the ones you have." : ""}
        </li>
        <li>About two minutes.</li>
      </ul>
      <form method="post" action={`${base}/account/two-factor`}>
        <input type="hidden" name="step" value="start" />
        <ReturnPathHiddenInput path={returnPath} challenge={challenge} />
        <button class="button" type="submit">
          Show me the QR code
        </button>
      </form>
      <div class="ways-out">
        {challenge !== undefined ? (
          <a href={challenge.cancelHref}>Cancel and go back to {challenge.site}</a>
        ) : required ? (
          <form method="post" action={`${base}/sign-out`}>
            <button class="link-button" type="submit">
              Sign out
            </button>
          </form>
        ) : (
          <a href={`${base}/account`}>Not now, back to my account</a>
        )}
      </div>
    </Layout>
  );
}

function reasonForSetup(issuer: string, required: boolean, challenge: ChallengeInfo | undefined): string {
  if (challenge !== undefined) return "You have no second factor yet. ";
  return required ? `${issuer} requires a second factor. ` : "";
}

interface SetupScanPageProps extends SetupProps {
  /** The account's name in the app. */
  account: string;
  /** Trusted SVG markup without `style` attributes, which the CSP would drop. */
  qrSvg: string;
  /** Base32 without padding. */
  secret: string;
  /** The `otpauth:` URI, which an app on this device can open. */
  provisioningUri: string;
  expiresInSeconds: number;
  /** The server's time when it rendered the page, in milliseconds since the epoch. */
  serverNowMs: number;
}

/** Second page of the set-up, and the only page that shows the secret. Posts `step=confirm, code`. */
export function SetupScanPage(props: SetupScanPageProps) {
  const { base, issuer, returnPath, challenge, qrSvg, expiresInSeconds, serverNowMs, error } = props;
  return (
    <Layout base={base} issuer={issuer} title="Scan the QR code" error={error !== undefined}>
      <p class="step">Step 2 of 3</p>
      <h1>Scan the QR code</h1>
      <p class="lead">
        In your authenticator app, add an account and point the camera here. The QR code is shown once and
        works for {formatDuration(expiresInSeconds)}.
      </p>
      <figure class="qr" role="img" aria-label="QR code for your authenticator app">
        {raw(qrSvg)}
      </figure>
      <ManualEntry {...props} />
      <ClockWarning serverNowMs={serverNowMs} />
      <ConfirmForm base={base} returnPath={returnPath} challenge={challenge} error={error} />
    </Layout>
  );
}

function ManualEntry({ issuer, account, secret, provisioningUri }: SetupScanPageProps) {
  const groups = secret.match(/.{1,4}/g)?.join(" ") ?? secret;
  return (
    <details>
      <summary>Can’t scan it?</summary>
      <p>
        <a href={provisioningUri}>Open in an authenticator app on this device</a>, or type this into your app:
      </p>
      <dl class="facts">
        <dt>Account</dt>
        <dd>
          {issuer}: {account}
        </dd>
        <dt>Key</dt>
        <dd>
          <code class="secret">{groups}</code>
          <button class="button button-quiet button-small" type="button" data-copy={secret} data-js hidden>
            Copy key
          </button>
          <span class="hint" role="status" data-copy-status />
        </dd>
        <dt>Kind</dt>
        <dd>Time-based (TOTP), 6 digits, 30 seconds</dd>
      </dl>
    </details>
  );
}

interface ConfirmSetupAgainPageProps extends SetupProps {
  /** The server's time when it rendered the page, in milliseconds since the epoch. */
  serverNowMs: number;
  error: string;
}

/**
 * The page after a wrong first code. It has a code field, but no QR code and no secret, which are shown only once. Posts
 * `step=confirm` or `step=start`.
 */
export function SetupCodeRetryPage(props: ConfirmSetupAgainPageProps) {
  const { base, issuer, returnPath, challenge, serverNowMs, error } = props;
  return (
    <Layout base={base} issuer={issuer} title="Confirm your app" error>
      <p class="step">Step 2 of 3</p>
      <h1>Confirm your app</h1>
      <p class="lead">Wait until your app shows a new code for {issuer}, then type that one.</p>
      <ClockWarning serverNowMs={serverNowMs} />
      <ConfirmForm base={base} returnPath={returnPath} challenge={challenge} error={error} autofocus />
      <form class="ways-out" method="post" action={`${base}/account/two-factor`}>
        <input type="hidden" name="step" value="start" />
        <ReturnPathHiddenInput path={returnPath} challenge={challenge} />
        <p>No code in your app, or did the time run out?</p>
        <button class="link-button" type="submit">
          Start again with a new QR code
        </button>
      </form>
    </Layout>
  );
}

interface ConfirmFormProps {
  base: string;
  returnPath: string;
  challenge: ChallengeInfo | undefined;
  error?: string | undefined;
  autofocus?: boolean | undefined;
}

function ConfirmForm({ base, returnPath, challenge, error, autofocus }: ConfirmFormProps) {
  return (
    <form class="stack" method="post" action={`${base}/account/two-factor`}>
      <input type="hidden" name="step" value="confirm" />
      <ReturnPathHiddenInput path={returnPath} challenge={challenge} />
      {error ? (
        <Notice kind="error" id="code-error">
          <p>{error}</p>
        </Notice>
      ) : null}
      <CodeField
        id="code"
        label="Code from your app"
        hint="Six digits. Two-factor authentication stays off until this code is accepted."
        accepts="digits"
        submits
        autofocus={autofocus}
        describedBy={error ? "code-error" : undefined}
        invalid={error !== undefined}
      />
      <button class="button" type="submit">
        Confirm and switch on
      </button>
    </form>
  );
}
