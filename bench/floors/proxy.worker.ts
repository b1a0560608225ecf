/** A proxy without access control: it forwards every request to the origin unchanged, or with identity headers. */
export default {
  fetch(request, { ORIGIN_URL, IDENTITY_HEADERS }) {
    const { pathname, search } = new URL(request.url);
    const target = `${ORIGIN_URL}${pathname}${search}`;
    return IDENTITY_HEADERS === undefined
      ? fetch(target, request)
      : fetch(target, withIdentityHeaders(request));
  },
} satisfies ExportedHandler<{ readonly ORIGIN_URL: string; readonly IDENTITY_HEADERS?: string }>;

const assertion = "x".repeat(420);

/** Returns the minimal changes of a gate: the headers of the request without the cookie, and the identity headers. */
function withIdentityHeaders(request: Request): RequestInit {
  const headers = new Headers(request.headers);
  headers.delete("Cookie");
  headers.set("X-Forwarded-Host", "www.example.com");
  headers.set("X-Forwarded-Proto", "https");
  headers.set("Remote-User", "ada");
  headers.set("Remote-Email", "ada@example.com");
  headers.set("X-Sallyport-Assertion", assertion);
  return { method: request.method, headers, body: request.body, redirect: "manual", cache: "no-store" };
}
