import type { Child } from "hono/jsx";
import type { Asked } from "../challenge/challenge-view.tsx";

interface FieldProps {
  id: string;
  label: string;
  hint?: Child;
  /** The `id` of the message about this field, where there is one. */
  describedBy?: string | undefined;
  /** The message says that what was in here is wrong. */
  invalid?: boolean | undefined;
  autofocus?: boolean | undefined;
}

/** The hint and the message are both read with the field. */
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
  /** `digits`: six digits and nothing else. `any`: backup codes too. Only the script tells them apart. */
  accepts: "digits" | "any";
  /** The script sends the form on the sixth digit. */
  submits?: boolean | undefined;
}

/**
 * Where a code goes. Not `type="number"`, which drops leading zeros, and without `pattern` and `maxlength`: the server
 * takes spaces and hyphens, and says in words what is wrong.
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

/** A password, of any length: `maxlength` would cut one off without a word. */
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

/** A user name: no capitals, no spelling. */
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

/** The page to go to afterwards: an already checked path of this host. A hosted challenge knows it by itself. */
export function ReturnPath({ path, asked }: { path: string; asked?: Asked | undefined }) {
  return asked === undefined ? (
    <input type="hidden" name="rd" value={path} />
  ) : (
    <input type="hidden" name="challenge" value={asked.id} />
  );
}
