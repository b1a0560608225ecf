import { type Asked, AskedFacts } from "../challenge/challenge-view.tsx";
import { CodeField, ReturnPath } from "../layout/form-fields.tsx";
import { Layout, Notice, type PageProps } from "../layout/layout.tsx";
import { ClockWarning, Countdown } from "../layout/time.tsx";

interface SecondFactorPageProps extends PageProps {
  returnPath: string;
  /** `sign_in`: the second door. `step_up`: already inside, and asked again. */
  mode: "sign_in" | "step_up";
  /** Neither of both: a hosted challenge wants a code. */
  asked?: Asked | undefined;
  /** The server's clock when it made the page, in milliseconds since the epoch. */
  serverNowMs: number;
  error?: string | undefined;
  /** A backup code was tried: what is about them stays open. */
  triesBackupCode?: boolean | undefined;
  /** Seconds until another try is let in. */
  retryAfterSeconds?: number | undefined;
}

/** The second door: a code from the app, or a backup code in its place. Posts `rd, code` to `/second-factor`. */
export function SecondFactorPage(props: SecondFactorPageProps) {
  const { base, issuer, returnPath, mode, asked, serverNowMs, error, triesBackupCode, retryAfterSeconds } =
    props;
  const waits = retryAfterSeconds !== undefined;
  const failed = error !== undefined || waits;
  const title = asked === undefined ? titles[mode] : "Confirm with your code";
  return (
    <Layout base={base} issuer={issuer} title={title} error={failed}>
      <h1>{title}</h1>
      {asked === undefined ? <p class="lead">{leads[mode]}</p> : <AskedFacts {...asked} />}
      <ClockWarning serverNowMs={serverNowMs} />
      {failed ? (
        <Notice kind="error" id="code-error">
          {error ? <p>{error}</p> : null}
          {waits ? (
            <Countdown seconds={retryAfterSeconds} lead={error ? undefined : "Too many attempts."} />
          ) : null}
        </Notice>
      ) : null}
      <form class="stack" method="post" action={`${base}/second-factor`} data-waits={waits}>
        <ReturnPath path={returnPath} asked={asked} />
        <CodeField
          id="code"
          label="Code"
          hint={`The six digits that your app shows for ${issuer}.`}
          accepts="any"
          submits
          autofocus
          describedBy={failed ? "code-error" : undefined}
          invalid={failed && !waits}
        />
        <button class="button" type="submit">
          Continue
        </button>
      </form>
      <BackupCodeHelp base={base} returnPath={returnPath} asked={asked} open={triesBackupCode === true} />
      <div class="ways-out">
        {asked !== undefined ? <a href={asked.cancelHref}>Cancel and go back to {asked.site}</a> : null}
        {asked === undefined && mode === "step_up" ? (
          <a href={`${base}/account`}>Not now, back to my account</a>
        ) : null}
        {asked === undefined ? (
          <form method="post" action={`${base}/sign-out`}>
            <button class="link-button" type="submit">
              Cancel and sign in as somebody else
            </button>
          </form>
        ) : null}
      </div>
    </Layout>
  );
}

const titles = { sign_in: "Enter your code", step_up: "Confirm that it’s you" } as const;

const leads = {
  sign_in: "You are through the first door. The code in your authenticator app opens the second.",
  step_up: "What comes next needs a fresh code from your authenticator app.",
} as const;

interface BackupCodeHelpProps {
  base: string;
  returnPath: string;
  asked: Asked | undefined;
  open: boolean;
}

/** A phone's digit keyboard has no letters: the script changes it, and without the script there is a field of its own. */
function BackupCodeHelp({ base, returnPath, asked, open }: BackupCodeHelpProps) {
  return (
    <details data-backup-for="code" open={open}>
      <summary>Use a backup code</summary>
      <p>
        No phone at hand? Type one of your backup codes, such as <code>7K2M-9QXD</code>, into the field above.
        Each works once.
      </p>
      <noscript>
        <form class="stack" method="post" action={`${base}/second-factor`}>
          <ReturnPath path={returnPath} asked={asked} />
          <div class="field">
            <label for="backup-code">If your keyboard has only digits there, type the backup code here</label>
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
