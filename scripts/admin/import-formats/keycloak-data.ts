/** The data of a credential of Keycloak is JSON in a text. Undefined: it is not. */
export function parseInner(text: string | null | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}
