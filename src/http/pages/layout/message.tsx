import { Layout, Notice, type PageProps } from "./layout.tsx";
import { Countdown } from "./time.tsx";

interface MessagePageProps extends PageProps {
  title: string;
  /** What happened and what helps, in a sentence or two. */
  message: string;
  kind: "error" | "info" | "success" | "warning";
  /** The error code of the JSON API, such as `store_unavailable`. */
  code?: string | undefined;
  /** What the operator finds in the log. */
  requestId?: string | undefined;
  /** Ways on. The first is the button. */
  actions?: { href: string; label: string }[] | undefined;
  /** Seconds until another try is let in. */
  retryAfterSeconds?: number | undefined;
}

/** One message and the ways on: errors, lost forms, things that are done. */
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
