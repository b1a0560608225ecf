/** A proxy without access control: it forwards every request to the origin unchanged, or with identity headers. */
export default {
  fetch(request, { ORIGIN_URL, SAYS_WHO }) {
    const { pathname, search } = new URL(request.url);
    const target = `${ORIGIN_URL}${pathname}${search}`;
    return SAYS_WHO === undefined ? fetch(target, request) : fetch(target, sayWho(request));
  },
} satisfies ExportedHandler<{ readonly ORIGIN_URL: string; readonly SAYS_WHO?: string }>;

const assertion = "x".repeat(420);

/** The minimum of a gate's headers: those of the request without the cookie, and the identity. */
function sayWho(request: Request): RequestInit {
  const headers = new Headers(request.headers);
  headers.delete("Cookie");
  headers.set("X-Forwarded-Host", "www.example.com");
  headers.set("X-Forwarded-Proto", "https");
  headers.set("Remote-User", "ada");
  headers.set("Remote-Email", "ada@example.com");
  headers.set("X-Sallyport-Assertion", assertion);
  return { method: request.method, headers, body: request.body, redirect: "manual", cache: "no-store" };
}
