/** The minimum cost of a request: the path through workerd from the socket to a handler and back. */
export default { fetch: () => new Response(null) } satisfies ExportedHandler;
