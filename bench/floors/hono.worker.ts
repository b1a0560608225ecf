import { Hono } from "hono";

const headers = Array.from({ length: 13 }, (_, index) => [
  `X-Header-${index}`,
  "x".repeat(index === 0 ? 420 : 20),
]);
const withHeaders = new Response(null, { headers });

/** Routes without work, in the framework that Sallyport uses. `/headers` responds with as many header bytes as `/auth-request`. */
export default new Hono()
  .get("/", (c) => c.body(null, 200))
  .get("/headers", () => new Response(null, withHeaders));
