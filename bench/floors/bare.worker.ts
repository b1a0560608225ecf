/** The least that anything can cost here: workerd's own way from a socket to a handler and back. */
export default { fetch: () => new Response(null) } satisfies ExportedHandler;
