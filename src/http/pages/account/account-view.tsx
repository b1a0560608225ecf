import { Layout, Notice, type PageProps } from "../layout/layout.tsx";
import { Section } from "../layout/section.tsx";
import { Time } from "../layout/time.tsx";
import {
  BackupCodesSection,
  DisableTwoFactorSection,
  type EnabledSecondFactorProps,
} from "./account-second-factor-view.tsx";
import { type SessionListItem, SessionsSection } from "./account-sessions-view.tsx";

export interface AccountPageProps extends PageProps {
  user: { username: string; email: string | null };
  /** Two-factor authentication is on. */
  enabled: boolean;
  setupAt: Date | null;
  backupCodesRemaining: number;
  sessions: SessionListItem[];
  /** The result of the action before this page. */
  notice?: string | undefined;
  error?: string | undefined;
  /** The form that the error is about. The error is shown in it, and screen readers read it with the field. */
  errorIn?: EnabledSecondFactorProps["errorIn"];
  /** Switching two-factor authentication off also needs the password. */
  hasPassword: boolean;
  /** The site behind the gate. Null without one. */
  siteHref: string | null;
}

/** The account page: second factor, backup codes, sessions. */
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
      {enabled ? <DisableTwoFactorSection {...props} /> : null}
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
          ? "You need a code from your authenticator app to sign in. "
          : "With a code from an app, your password alone is no longer enough to sign in."}
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
