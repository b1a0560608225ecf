import { Layout, Notice, type PageProps } from "../layout/layout.tsx";

/** Who asks for a second factor, and what for. */
export interface Asked {
  /** The challenge, as its forms name it. */
  id: string;
  /** In the words of the backend. */
  action: string | null;
  /** The host that the browser came from and goes back to. */
  site: string;
  account: string;
  /** Back there without a receipt. */
  cancelHref: string;
}

/** What somebody confirms with a code. */
export function AskedFacts({ action, site, account }: Asked) {
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
            <dt>What</dt>
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

interface GoBackPageProps extends PageProps {
  site: string;
  /** With the receipt. */
  href: string;
}

/** The code was right. The browser goes on by itself, and where it doesn't there is a link. */
export function GoBackPage({ base, issuer, site, href }: GoBackPageProps) {
  return (
    <Layout base={base} issuer={issuer} title="Confirmed" goesOnTo={href}>
      <h1>Confirmed</h1>
      <Notice kind="success">
        <p>Your code is accepted. You are on your way back to {site}.</p>
      </Notice>
      <a class="button" href={href}>
        Go on to {site}
      </a>
    </Layout>
  );
}
