import { fileURLToPath } from "node:url";

/** The root of the repository: wrangler reads `wrangler.toml` and `.dev.vars` there. */
export const projectRoot = fileURLToPath(new URL("../..", import.meta.url));

/** Arguments for Node that run this project's wrangler. */
export function wranglerArgs(...args: string[]): string[] {
  return [fileURLToPath(new URL("../../node_modules/wrangler/bin/wrangler.js", import.meta.url)), ...args];
}

/** Disables wrangler's prompts, telemetry, update check and location lookup. */
export const quietWrangler = {
  CI: "1",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_WRITE_LOGS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
};
