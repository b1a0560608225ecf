import { Layout, Notice, type PageProps } from "../layout/layout.tsx";

/** Shown where the first factor has its sign-in somewhere else, and nobody is signed in there. */
export function SignInElsewherePage({ base, issuer, siteHref }: PageProps & { siteHref: string | null }) {
  return (
    <Layout base={base} issuer={issuer} title="Sign in first">
      <h1>Sign in first</h1>
      <p class="lead">
        {siteHref === null
          ? "Nobody is signed in at the identity provider of this site. Open the site again, and sign in there."
          : "Nobody is signed in at the site. Sign in there, and come back."}
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

/** Shown to somebody who is signed in, and is sent back to the sign-in again and again. */
export function LoopPage({ base, issuer }: PageProps) {
  return (
    <Layout base={base} issuer={issuer} title="Going in circles" error>
      <h1>Going in circles</h1>
      <Notice kind="error">
        <p>You are signed in, but the page that you want does not learn of it and sends you back here.</p>
      </Notice>
      <p>
        This is a mistake in the set-up of the site, and nothing that you can mend. Tell its operator: the
        proxy in front of the site has to pass the visitor’s cookies on to Sallyport, on the same host name.
      </p>
      <p>
        <a href={`${base}/account`}>Go to your account</a>
      </p>
    </Layout>
  );
}
