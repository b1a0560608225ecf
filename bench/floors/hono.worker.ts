import { Hono } from "hono";

const headers = Array.from({ length: 13 }, (_, index) => [
  `X-Header-${index}`,
  "x".repeat(index === 0 ? 420 : 20),
]);
const dressed = new Response(null, { headers });

/** Routes that do nothing, in the framework that Sallyport's are written in; one of them says as much in its headers as a door does. */
export default new Hono()
  .get("/", (c) => c.body(null, 200))
  .get("/dressed", () => new Response(null, dressed));
