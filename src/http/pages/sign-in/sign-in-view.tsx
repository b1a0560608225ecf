import { PasswordField, ReturnPath, UsernameField } from "../layout/form-fields.tsx";
import { Layout, Notice, type PageProps } from "../layout/layout.tsx";
import { Countdown } from "../layout/time.tsx";

interface SignInPageProps extends PageProps {
  returnPath: string;
  /** What was typed before, so that only the password has to be typed again. */
  username?: string | undefined;
  error?: string | undefined;
  /** Seconds until another try is let in. */
  retryAfterSeconds?: number | undefined;
}

/** The first door: name and password. Posts `rd, username, password` to `/sign-in`. */
export function SignInPage({
  base,
  issuer,
  returnPath,
  username,
  error,
  retryAfterSeconds,
}: SignInPageProps) {
  const waits = retryAfterSeconds !== undefined;
  const failed = error !== undefined || waits;
  const field = { describedBy: failed ? "sign-in-error" : undefined, invalid: failed && !waits };
  return (
    <Layout base={base} issuer={issuer} title="Sign in" error={failed}>
      <h1>Sign in</h1>
      {failed ? (
        <Notice kind="error" id="sign-in-error">
          {error ? <p>{error}</p> : null}
          {waits ? (
            <Countdown seconds={retryAfterSeconds} lead={error ? undefined : "Too many attempts."} />
          ) : null}
        </Notice>
      ) : null}
      <form class="stack" method="post" action={`${base}/sign-in`} data-waits={waits}>
        <ReturnPath path={returnPath} />
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
