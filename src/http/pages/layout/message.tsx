import { Layout, Notice, type PageProps } from "./layout.tsx";
import { Countdown } from "./time.tsx";

interface MessagePageProps extends PageProps {
  title: string;
  /** Says what happened and what to do next, in one or two sentences. */
  message: string;
  kind: "error" | "info" | "success" | "warning";
  /** The error code of the JSON API, such as `store_unavailable`. */
  code?: string | undefined;
  /** The id under which the operator finds the request in the log. */
  requestId?: string | undefined;
  /** Links to continue with. The first is the primary button. */
  actions?: { href: string; label: string }[] | undefined;
  /** Seconds until another attempt is allowed. */
  retryAfterSeconds?: number | undefined;
}

/** A page with one message and links to continue with. */
export function MessagePage(props: MessagePageProps) {
  const { base, issuer, title, message, kind, code, requestId, actions = [], retryAfterSeconds } = props;
  return (
    <Layout base={base} issuer={issuer} title={title} error={kind === "error"}>
      <h1>{title}</h1>
      <Notice kind={kind}>
        <p>{message}</p>
        {retryAfterSeconds === undefined ? null : <Countdown seconds={retryAfterSeconds} />}
      </Notice>
      {actions.map((action, index) =>
        index === 0 ? (
          <a class="button" href={action.href}>
            {action.label}
          </a>
        ) : (
          <a class="button button-quiet" href={action.href}>
            {action.label}
          </a>
        ),
      )}
      {code || requestId ? (
        <dl class="facts facts-small">
          {code ? (
            <>
              <dt>Error</dt>
              <dd>
                <code>{code}</code>
              </dd>
            </>
          ) : null}
          {requestId ? (
            <>
              <dt>Request</dt>
              <dd>
                <code>{requestId}</code>
              </dd>
            </>
          ) : null}
        </dl>
      ) : null}
    </Layout>
  );
}
