import { raw } from "hono/html";
import { type Asked, AskedFacts } from "../challenge/challenge-view.tsx";
import { CodeField, ReturnPath } from "../layout/form-fields.tsx";
import { Layout, Notice, type PageProps } from "../layout/layout.tsx";
import { ClockWarning, durationText } from "../layout/time.tsx";

interface SetupProps extends PageProps {
  returnPath: string;
  /** A hosted challenge wants a second factor, and there is none yet. */
  asked?: Asked | undefined;
  error?: string | undefined;
}

interface SetupStartPageProps extends SetupProps {
  /** Two-factor authentication is on, with another app. */
  replacing: boolean;
  /** There is no way on without it, so no way back to the account is offered. */
  required: boolean;
}

/** The wizard, first page: what will happen, and what is needed. Posts `step=start`. */
export function SetupStartPage({
  base,
  issuer,
  returnPath,
  asked,
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
      {asked === undefined ? null : <AskedFacts {...asked} />}
      <p class="lead">
        {replacing
          ? "Your present app keeps working until the new one has shown its first code."
          : `${whyNow(issuer, required, asked)}A code from an app keeps everybody else out, even somebody who knows your password.`}
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
        <ReturnPath path={returnPath} asked={asked} />
        <button class="button" type="submit">
          Show me the QR code
        </button>
      </form>
      <div class="ways-out">
        {asked !== undefined ? (
          <a href={asked.cancelHref}>Cancel and go back to {asked.site}</a>
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

function whyNow(issuer: string, required: boolean, asked: Asked | undefined): string {
  if (asked !== undefined) return "You have none yet. ";
  return required ? `${issuer} asks for a second factor. ` : "";
}

interface SetupScanPageProps extends SetupProps {
  /** The account's name in the app. */
  account: string;
  /** Trusted SVG markup without `style` attributes, which the CSP would drop. */
  qrSvg: string;
  /** Base32 without padding. */
  secret: string;
  /** The `otpauth:` URI, opened by an app on this device. */
  provisioningUri: string;
  expiresInSeconds: number;
  /** The server's clock when it made the page, in milliseconds since the epoch. */
  serverNowMs: number;
}

/** The wizard, second page: the only one that ever shows the secret. Posts `step=confirm, code`. */
export function SetupScanPage(props: SetupScanPageProps) {
  const { base, issuer, returnPath, asked, qrSvg, expiresInSeconds, serverNowMs, error } = props;
  return (
    <Layout base={base} issuer={issuer} title="Scan the QR code" error={error !== undefined}>
      <p class="step">Step 2 of 3</p>
      <h1>Scan the QR code</h1>
      <p class="lead">
        In your authenticator app, add an account and point the camera here. The QR code is shown once and
        works for {durationText(expiresInSeconds)}.
      </p>
      <figure class="qr" role="img" aria-label="QR code for your authenticator app">
        {raw(qrSvg)}
      </figure>
      <ManualEntry {...props} />
      <ClockWarning serverNowMs={serverNowMs} />
      <ConfirmForm base={base} returnPath={returnPath} asked={asked} error={error} />
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

interface SetupConfirmPageProps extends SetupProps {
  /** The server's clock when it made the page, in milliseconds since the epoch. */
  serverNowMs: number;
  error: string;
}

/** After a wrong code: the code again, but not the secret, which is shown once. Posts `step=confirm` or `step=start`. */
export function SetupConfirmPage(props: SetupConfirmPageProps) {
  const { base, issuer, returnPath, asked, serverNowMs, error } = props;
  return (
    <Layout base={base} issuer={issuer} title="Confirm your app" error>
      <p class="step">Step 2 of 3</p>
      <h1>Confirm your app</h1>
      <p class="lead">Wait until your app shows a new code for {issuer}, then type that one.</p>
      <ClockWarning serverNowMs={serverNowMs} />
      <ConfirmForm base={base} returnPath={returnPath} asked={asked} error={error} autofocus />
      <form class="ways-out" method="post" action={`${base}/account/two-factor`}>
        <input type="hidden" name="step" value="start" />
        <ReturnPath path={returnPath} asked={asked} />
        <p>Nothing in the app, or too late?</p>
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
  asked: Asked | undefined;
  error?: string | undefined;
  autofocus?: boolean | undefined;
}

function ConfirmForm({ base, returnPath, asked, error, autofocus }: ConfirmFormProps) {
  return (
    <form class="stack" method="post" action={`${base}/account/two-factor`}>
      <input type="hidden" name="step" value="confirm" />
      <ReturnPath path={returnPath} asked={asked} />
      {error ? (
        <Notice kind="error" id="code-error">
          <p>{error}</p>
        </Notice>
      ) : null}
      <CodeField
        id="code"
        label="Code from your app"
        hint="Six digits. Nothing is switched on until they are right."
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
