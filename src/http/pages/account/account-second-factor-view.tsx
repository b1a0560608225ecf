import { CodeField, PasswordField } from "../layout/form-fields.tsx";
import { Notice } from "../layout/layout.tsx";
import { Section } from "../layout/section.tsx";

/** The properties of the account page's sections for an enabled second factor. */
export interface EnabledSecondFactorProps {
  base: string;
  backupCodesRemaining: number;
  hasPassword: boolean;
  error?: string | undefined;
  errorIn?: "backup-codes" | "disable" | undefined;
}

/** With this number of unused codes, or fewer, the page warns that few are left. */
const fewBackupCodes = 3;

/** Shows the number of unused backup codes, and a form for ten new ones. Posts `code` to `/account/backup-codes`. */
export function BackupCodesSection({ base, backupCodesRemaining, error, errorIn }: EnabledSecondFactorProps) {
  const failed = error !== undefined && errorIn === "backup-codes";
  return (
    <Section id="backup-codes" title="Backup codes">
      <Remaining count={backupCodesRemaining} />
      <form class="stack" method="post" action={`${base}/account/backup-codes`}>
        {failed ? <FormError text={error} /> : null}
        <CodeField
          id="backup-codes-code"
          label="Code from your authenticator app"
          hint="Ten new codes replace all old ones."
          accepts="any"
          describedBy={failed ? "account-error" : undefined}
          invalid={failed}
          autofocus={failed}
        />
        <button class="button button-quiet" type="submit">
          Make ten new codes
        </button>
      </form>
    </Section>
  );
}

/** Rendered in the form that the error is about, so the id is unique. */
function FormError({ text }: { text: string }) {
  return (
    <Notice kind="error" id="account-error">
      <p>{text}</p>
    </Notice>
  );
}

function Remaining({ count }: { count: number }) {
  if (count === 0) {
    return (
      <div class="notice notice-error">
        <p>
          <strong>You have no backup codes left.</strong> If you lose your authenticator app now, you are
          locked out. Make new ones.
        </p>
      </div>
    );
  }
  if (count <= fewBackupCodes) {
    return (
      <Notice kind="warning">
        <p>
          <strong>{`Only ${count} backup ${count === 1 ? "code" : "codes"} left.`}</strong> Make new ones
          before they run out.
        </p>
      </Notice>
    );
  }
  return <p>{`You have ${count} unused backup codes. Use one when you don’t have your app.`}</p>;
}

/** The form that switches two-factor authentication off. Posts `code`, and `password` if there is one, to `/account/two-factor/disable`. */
export function DisableTwoFactorSection({ base, hasPassword, error, errorIn }: EnabledSecondFactorProps) {
  const failed = error !== undefined && errorIn === "disable";
  const field = { describedBy: failed ? "account-error" : undefined, invalid: failed };
  return (
    <details class="disable" open={failed}>
      <summary>Switch two-factor authentication off</summary>
      <p>
        After that, your {hasPassword ? "password" : "first factor"} alone is enough to sign in. Your backup
        codes stop working, and your other sessions end.
      </p>
      <form class="stack" method="post" action={`${base}/account/two-factor/disable`}>
        {failed ? <FormError text={error} /> : null}
        <CodeField
          id="disable-code"
          label="Code from your authenticator app"
          hint="Or a backup code."
          accepts="any"
          autofocus={failed}
          {...field}
        />
        {hasPassword ? (
          <PasswordField id="disable-password" label="Password" autocomplete="current-password" {...field} />
        ) : null}
        <button class="button button-danger" type="submit">
          Switch off
        </button>
      </form>
    </details>
  );
}
