import type { SecondFactor } from "../../src/rpc.ts";

interface Env {
  readonly SECOND_FACTOR: Service<SecondFactor>;
}

/** The backend of a shop: it enrols a customer, and accepts a payment only with a code. */
export default {
  async fetch(request, { SECOND_FACTOR }) {
    const url = new URL(request.url);
    if (request.method !== "POST")
      return new Response("Send a POST", { status: 405, headers: { Allow: "POST" } });
    const form = (await request.json()) as { user: string; code?: string };
    const { user, code = "" } = form;
    switch (url.pathname) {
      case "/enrol":
        return Response.json(await SECOND_FACTOR.enrol({ user }));
      case "/confirm":
        return Response.json(await SECOND_FACTOR.confirm({ user, code }));
      case "/pay": {
        const approval = await SECOND_FACTOR.verify({ user, code, action: "pay" });
        if (approval.ok) return Response.json({ paid: true, receipt: approval.receipt });
        const headers = new Headers();
        if (approval.retryAfterSeconds !== undefined)
          headers.set("Retry-After", String(approval.retryAfterSeconds));
        return Response.json({ paid: false, why: approval.code }, { status: 403, headers });
      }
      case "/status":
        return Response.json(await SECOND_FACTOR.status({ user }));
      default:
        return new Response("Not found", { status: 404 });
    }
  },
} satisfies ExportedHandler<Env>;
