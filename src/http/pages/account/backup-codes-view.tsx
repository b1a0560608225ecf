import { Layout, Notice, type PageProps } from "../layout/layout.tsx";

interface NewBackupCodesPageProps extends PageProps {
  codes: string[];
  continueHref: string;
  continueLabel: string;
  /** `enabled`: the last step of the set-up. `regenerated`: new codes from the account page. */
  reason: "enabled" | "regenerated";
}

/** Shows ten new backup codes, which no other page ever shows. Copy, download and print need the script. */
export function NewBackupCodesPage(props: NewBackupCodesPageProps) {
  const { base, issuer, codes, continueHref, continueLabel, reason } = props;
  const title = "Save your backup codes";
  return (
    <Layout base={base} issuer={issuer} title={title}>
      {reason === "enabled" ? <p class="step">Step 3 of 3</p> : null}
      <h1>{title}</h1>
      <Notice kind="success">
        <p>
          {reason === "enabled"
            ? "Two-factor authentication is on."
            : "Here are your new backup codes. The old ones no longer work."}
        </p>
      </Notice>
      <p class="lead">
        If you don’t have your app, type one of these codes instead. Each works once. Keep them where you keep
        your passwords: they are shown only now.
      </p>
      <ol class="codes" data-codes={issuer}>
        {codes.map((code) => (
          <li>
            <code>{code}</code>
          </li>
        ))}
      </ol>
      <div data-js hidden>
        <div class="code-tools">
          <button class="button button-quiet" type="button" data-copy={codes.join("\n")}>
            Copy
          </button>
          <button class="button button-quiet" type="button" data-download>
            Download
          </button>
          <button class="button button-quiet" type="button" data-print>
            Print
          </button>
        </div>
        <p class="hint" role="status" data-copy-status />
      </div>
      <a class="button" href={continueHref}>
        {continueLabel}
      </a>
    </Layout>
  );
}
