/** The style sheet and the browser script are bundled as text: `[[rules]]` in wrangler.toml. */
declare module "*.css" {
  const text: string;
  export default text;
}

declare module "*.client.js" {
  const text: string;
  export default text;
}
