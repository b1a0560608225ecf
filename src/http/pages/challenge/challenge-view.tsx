import { Layout, Notice, type PageProps } from "../layout/layout.tsx";

/** The facts of a hosted challenge that pages show. */
export interface ChallengeInfo {
  /** The challenge's id, which its forms send. */
  id: string;
  /** The action to approve, as the backend named it. */
  action: string | null;
  /** The host of the return address. */
  site: string;
  account: string;
  /** The return address without a receipt. */
  cancelHref: string;
}

/** Shows which site asks for a code, for which action and account. */
export function ChallengeFacts({ action, site, account }: ChallengeInfo) {
  return (
    <>
      <p class="lead">
        <strong>{site}</strong>{" "}
        {action === null
          ? "asks for your second factor."
          : "asks you to confirm this with your second factor."}
      </p>
      <dl class="facts">
        {action === null ? null : (
          <>
            <dt>Action</dt>
            <dd>
              <strong>{action}</strong>
            </dd>
          </>
        )}
        <dt>Account</dt>
        <dd>{account}</dd>
      </dl>
    </>
  );
}

interface ReturnPageProps extends PageProps {
  site: string;
  /** The return address with the receipt. */
  href: string;
}

/** Shown after an accepted code. Redirects the browser to the return address, and has a link for browsers that do not follow. */
export function ReturnToSitePage({ base, issuer, site, href }: ReturnPageProps) {
  return (
    <Layout base={base} issuer={issuer} title="Confirmed" redirectTo={href}>
      <h1>Confirmed</h1>
      <Notice kind="success">
        <p>Your code is accepted. Your browser now goes back to {site}.</p>
      </Notice>
      <a class="button" href={href}>
        Continue to {site}
      </a>
    </Layout>
  );
}
