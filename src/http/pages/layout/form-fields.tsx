import type { Child } from "hono/jsx";
import type { ChallengeInfo } from "../challenge/challenge-view.tsx";

interface FieldProps {
  id: string;
  label: string;
  hint?: Child;
  /** The `id` of the message about this field. */
  describedBy?: string | undefined;
  /** The submitted value was wrong. */
  invalid?: boolean | undefined;
  autofocus?: boolean | undefined;
}

/** Screen readers read the hint and the message with the field. */
function aria({ id, hint, describedBy, invalid }: FieldProps) {
  const described = [describedBy, hint ? `${id}-hint` : undefined].filter(Boolean).join(" ");
  return {
    "aria-describedby": described || undefined,
    "aria-invalid": invalid ? "true" : undefined,
  } as const;
}

function Label({ id, label, hint }: FieldProps) {
  return (
    <>
      <label for={id}>{label}</label>
      {hint ? (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      ) : null}
    </>
  );
}

interface CodeFieldProps extends FieldProps {
  /** `digits`: six digits only. `any`: backup codes too. Only the script uses this. */
  accepts: "digits" | "any";
  /** The script submits the form after the sixth digit. */
  submits?: boolean | undefined;
}

/**
 * A field for a code. `type="number"` would drop leading zeros. There is no `pattern` or `maxlength`, because the server
 * accepts spaces and hyphens, and its error messages are clearer than the browser's.
 */
export function CodeField(props: CodeFieldProps) {
  return (
    <div class="field">
      <Label {...props} />
      <input
        class="code-input"
        id={props.id}
        name="code"
        type="text"
        inputmode="numeric"
        autocomplete="one-time-code"
        autocapitalize="characters"
        spellcheck={false}
        required
        autofocus={props.autofocus}
        data-code={props.accepts}
        data-code-submits={props.submits}
        {...aria(props)}
      />
    </div>
  );
}

interface PasswordFieldProps extends FieldProps {
  autocomplete: "current-password" | "new-password";
}

/** A field for a password. Without `maxlength`, which would silently cut a long password off. */
export function PasswordField(props: PasswordFieldProps) {
  return (
    <div class="field">
      <Label {...props} />
      <input
        id={props.id}
        name="password"
        type="password"
        autocomplete={props.autocomplete}
        required
        autofocus={props.autofocus}
        {...aria(props)}
      />
    </div>
  );
}

/** A field for a user name, without automatic capitals and spell checking. */
export function UsernameField(props: FieldProps & { value?: string | undefined }) {
  return (
    <div class="field">
      <Label {...props} />
      <input
        id={props.id}
        name="username"
        type="text"
        autocomplete="username"
        autocapitalize="none"
        spellcheck={false}
        required
        autofocus={props.autofocus}
        value={props.value}
        {...aria(props)}
      />
    </div>
  );
}

/** A hidden field with the return path, already checked, or with the id of the hosted challenge, which has a return address. */
export function ReturnPathHiddenInput({
  path,
  challenge,
}: {
  path: string;
  challenge?: ChallengeInfo | undefined;
}) {
  return challenge === undefined ? (
    <input type="hidden" name="rd" value={path} />
  ) : (
    <input type="hidden" name="challenge" value={challenge.id} />
  );
}
