import { Layout, type PageProps } from "../layout/layout.tsx";

/** Asks for confirmation, because any site can link to this page. Posts to `/sign-out`. */
export function SignOutPage({ base, issuer }: PageProps) {
  return (
    <Layout base={base} issuer={issuer} title="Sign out">
      <h1>Sign out?</h1>
      <p class="lead">
        This ends your session in this browser. To end your other sessions, use your account page.
      </p>
      <form method="post" action={`${base}/sign-out`}>
        <button class="button" type="submit">
          Sign out
        </button>
      </form>
      <div class="ways-out">
        <a href={`${base}/account`}>Back to my account</a>
      </div>
    </Layout>
  );
}

interface SignedOutPageProps extends PageProps {
  /** The site behind the gate. Null without one. */
  siteHref: string | null;
}

/** Shown after signing out. */
export function SignedOutPage({ base, issuer, siteHref }: SignedOutPageProps) {
  return (
    <Layout base={base} issuer={issuer} title="Signed out">
      <h1>You are signed out</h1>
      <p class="lead">Your session in this browser has ended.</p>
      <a class="button" href={`${base}/sign-in`}>
        Sign in again
      </a>
      {siteHref === null ? null : (
        <div class="ways-out">
          <a href={siteHref}>Go to the site</a>
        </div>
      )}
    </Layout>
  );
}
