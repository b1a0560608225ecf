import { ChallengeFacts, type ChallengeInfo } from "../challenge/challenge-view.tsx";
import { CodeField, ReturnPathHiddenInput } from "../layout/form-fields.tsx";
import { Layout, Notice, type PageProps } from "../layout/layout.tsx";
import { ClockWarning, Countdown } from "../layout/time.tsx";

interface SecondFactorPageProps extends PageProps {
  returnPath: string;
  /** `sign_in`: the second factor of a sign-in. `step_up`: a fresh code within a session. */
  mode: "sign_in" | "step_up";
  /** Set when the code is for a hosted challenge. Then `mode` has no effect. */
  challenge?: ChallengeInfo | undefined;
  /** The server's time when it rendered the page, in milliseconds since the epoch. */
  serverNowMs: number;
  error?: string | undefined;
  /** The visitor has submitted a backup code: the help for backup codes stays open. */
  triedBackupCode?: boolean | undefined;
  /** Seconds until another attempt is allowed. */
  retryAfterSeconds?: number | undefined;
}

/** The form for a code of the app or a backup code. Posts `rd, code` to `/second-factor`. */
export function SecondFactorPage(props: SecondFactorPageProps) {
  const {
    base,
    issuer,
    returnPath,
    mode,
    challenge,
    serverNowMs,
    error,
    triedBackupCode,
    retryAfterSeconds,
  } = props;
  const mustWait = retryAfterSeconds !== undefined;
  const failed = error !== undefined || mustWait;
  const title = challenge === undefined ? titles[mode] : "Confirm with your code";
  return (
    <Layout base={base} issuer={issuer} title={title} error={failed}>
      <h1>{title}</h1>
      {challenge === undefined ? <p class="lead">{leads[mode]}</p> : <ChallengeFacts {...challenge} />}
      <ClockWarning serverNowMs={serverNowMs} />
      {failed ? (
        <Notice kind="error" id="code-error">
          {error ? <p>{error}</p> : null}
          {mustWait ? (
            <Countdown seconds={retryAfterSeconds} lead={error ? undefined : "Too many attempts."} />
          ) : null}
        </Notice>
      ) : null}
      <form class="stack" method="post" action={`${base}/second-factor`} data-waits={mustWait}>
        <ReturnPathHiddenInput path={returnPath} challenge={challenge} />
        <CodeField
          id="code"
          label="Code"
          hint={`The six digits that your app shows for ${issuer}.`}
          accepts="any"
          submits
          autofocus
          describedBy={failed ? "code-error" : undefined}
          invalid={failed && !mustWait}
        />
        <button class="button" type="submit">
          Continue
        </button>
      </form>
      <BackupCodeHelp
        base={base}
        returnPath={returnPath}
        challenge={challenge}
        open={triedBackupCode === true}
      />
      <div class="ways-out">
        {challenge !== undefined ? (
          <a href={challenge.cancelHref}>Cancel and go back to {challenge.site}</a>
        ) : null}
        {challenge === undefined && mode === "step_up" ? (
          <a href={`${base}/account`}>Not now, back to my account</a>
        ) : null}
        {challenge === undefined ? (
          <form method="post" action={`${base}/sign-out`}>
            <button class="link-button" type="submit">
              Cancel and use another account
            </button>
          </form>
        ) : null}
      </div>
    </Layout>
  );
}

const titles = { sign_in: "Enter your code", step_up: "Confirm that it’s you" } as const;

const leads = {
  sign_in: "Your sign-in needs one more step. Type the code from your authenticator app.",
  step_up: "The next page needs a fresh code from your authenticator app.",
} as const;

interface BackupCodeHelpProps {
  base: string;
  returnPath: string;
  challenge: ChallengeInfo | undefined;
  open: boolean;
}

/**
 * Explains backup codes. The code field opens a phone's digit keyboard, which has no letters. The script changes the keyboard;
 * without the script there is a second field.
 */
function BackupCodeHelp({ base, returnPath, challenge, open }: BackupCodeHelpProps) {
  return (
    <details data-backup-for="code" open={open}>
      <summary>Use a backup code</summary>
      <p>
        No phone at hand? Type one of your backup codes, such as <code>7K2M-9QXD</code>, into the field above.
        Each works once.
      </p>
      <noscript>
        <form class="stack" method="post" action={`${base}/second-factor`}>
          <ReturnPathHiddenInput path={returnPath} challenge={challenge} />
          <div class="field">
            <label for="backup-code">
              If your keyboard shows only digits for that field, type the backup code here
            </label>
            <input
              class="code-input"
              id="backup-code"
              name="code"
              type="text"
              autocomplete="off"
              autocapitalize="characters"
              spellcheck={false}
              required
            />
          </div>
          <button class="button button-quiet" type="submit">
            Continue with a backup code
          </button>
        </form>
      </noscript>
      <p>Lost both? Ask the operator of this site to reset your second factor.</p>
    </details>
  );
}
