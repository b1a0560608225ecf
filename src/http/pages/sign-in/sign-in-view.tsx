import { PasswordField, ReturnPathHiddenInput, UsernameField } from "../layout/form-fields.tsx";
import { Layout, Notice, type PageProps } from "../layout/layout.tsx";
import { Countdown } from "../layout/time.tsx";

interface SignInPageProps extends PageProps {
  returnPath: string;
  /** The submitted user name, after a failure. */
  username?: string | undefined;
  error?: string | undefined;
  /** Seconds until another attempt is allowed. */
  retryAfterSeconds?: number | undefined;
}

/** The form for user name and password. Posts `rd, username, password` to `/sign-in`. */
export function SignInPage({
  base,
  issuer,
  returnPath,
  username,
  error,
  retryAfterSeconds,
}: SignInPageProps) {
  const mustWait = retryAfterSeconds !== undefined;
  const failed = error !== undefined || mustWait;
  const field = { describedBy: failed ? "sign-in-error" : undefined, invalid: failed && !mustWait };
  return (
    <Layout base={base} issuer={issuer} title="Sign in" error={failed}>
      <h1>Sign in</h1>
      {failed ? (
        <Notice kind="error" id="sign-in-error">
          {error ? <p>{error}</p> : null}
          {mustWait ? (
            <Countdown seconds={retryAfterSeconds} lead={error ? undefined : "Too many attempts."} />
          ) : null}
        </Notice>
      ) : null}
      <form class="stack" method="post" action={`${base}/sign-in`} data-waits={mustWait}>
        <ReturnPathHiddenInput path={returnPath} />
        <UsernameField id="username" label="User name" value={username} autofocus={!username} {...field} />
        <PasswordField
          id="password"
          label="Password"
          autocomplete="current-password"
          autofocus={Boolean(username)}
          {...field}
        />
        <button class="button" type="submit">
          Sign in
        </button>
      </form>
    </Layout>
  );
}
