import { Layout, Notice, type PageProps } from "../layout/layout.tsx";

/** Shown when the first factor is external and its source does not know the visitor. */
export function ExternalSignInRequiredPage({
  base,
  issuer,
  siteHref,
}: PageProps & { siteHref: string | null }) {
  return (
    <Layout base={base} issuer={issuer} title="Sign in first">
      <h1>Sign in first</h1>
      <p class="lead">
        {siteHref === null
          ? "You are not signed in at the identity provider of this site. Open the site again, and sign in there."
          : "You are not signed in at the site. Sign in there, and come back."}
      </p>
      {siteHref === null ? null : (
        <p>
          <a class="button" href={siteHref}>
            Go to the site
          </a>
        </p>
      )}
    </Layout>
  );
}

/** Shown to a visitor who has a session and is redirected to the sign-in page again and again. */
export function RedirectLoopPage({ base, issuer }: PageProps) {
  return (
    <Layout base={base} issuer={issuer} title="Redirect loop" error>
      <h1>Redirect loop</h1>
      <Notice kind="error">
        <p>You are signed in, but the page that you opened does not see that and sends you back here.</p>
      </Notice>
      <p>
        The site is not set up correctly, which only its operator can fix. Tell the operator: the proxy in
        front of the site must forward the visitor’s cookies to Sallyport, on the same host name.
      </p>
      <p>
        <a href={`${base}/account`}>Go to your account</a>
      </p>
    </Layout>
  );
}
