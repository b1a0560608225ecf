import { Layout, Notice, type PageProps } from "../layout/layout.tsx";
import { Section } from "../layout/section.tsx";
import { Time } from "../layout/time.tsx";
import { BackupCodesSection, DisableSection, type SecondFactorState } from "./account-second-factor-view.tsx";
import { SessionsSection, type SessionView } from "./account-sessions-view.tsx";

export interface AccountPageProps extends PageProps {
  user: { username: string; email: string | null };
  /** Two-factor authentication is on. */
  enabled: boolean;
  setupAt: Date | null;
  backupCodesRemaining: number;
  sessions: SessionView[];
  /** Something that has just been done. */
  notice?: string | undefined;
  error?: string | undefined;
  /** The form that the error is about: it is shown there, where the focus goes, and read with its field. */
  errorIn?: SecondFactorState["errorIn"];
  /** Switching off asks for the password too. */
  hasPassword: boolean;
  /** The site behind the gate; null where there is none. */
  siteHref: string | null;
}

/** The visitor's own page: second factor, backup codes, sessions. */
export function AccountPage(props: AccountPageProps) {
  const { base, issuer, user, enabled, setupAt, sessions, notice, error, errorIn, siteHref } = props;
  return (
    <Layout base={base} issuer={issuer} title="Your account" error={error !== undefined} wide>
      <h1>Your account</h1>
      <p class="lead">
        Signed in as <strong>{user.username}</strong>
        {user.email && user.email !== user.username ? ` (${user.email})` : ""}.
      </p>
      {error && errorIn === undefined ? (
        <Notice kind="error">
          <p>{error}</p>
        </Notice>
      ) : null}
      {notice ? (
        <Notice kind="success">
          <p>{notice}</p>
        </Notice>
      ) : null}
      <StatusSection base={base} enabled={enabled} setupAt={setupAt} />
      {enabled ? <BackupCodesSection {...props} /> : null}
      {enabled ? <DisableSection {...props} /> : null}
      <SessionsSection base={base} sessions={sessions} />
      <footer class="row">
        {siteHref === null ? null : <a href={siteHref}>Go to the site</a>}
        <form method="post" action={`${base}/sign-out`}>
          <button class="button button-quiet" type="submit">
            Sign out
          </button>
        </form>
      </footer>
    </Layout>
  );
}

function StatusSection({ base, enabled, setupAt }: { base: string; enabled: boolean; setupAt: Date | null }) {
  return (
    <Section id="two-factor" title="Two-factor authentication" badge={enabled ? "On" : "Off"} good={enabled}>
      <p>
        {enabled
          ? "Signing in takes a code from your authenticator app. "
          : "A code from an app keeps everybody else out, even somebody who knows your password."}
        {enabled && setupAt ? (
          <>
            Set up on <Time at={setupAt} />.
          </>
        ) : null}
      </p>
      <p>
        <a class={enabled ? "button button-quiet" : "button"} href={`${base}/account/two-factor`}>
          {enabled ? "Replace authenticator app" : "Set up two-factor authentication"}
        </a>
      </p>
    </Section>
  );
}
