declare namespace Cloudflare {
  interface Env {
    readonly DB: D1Database;
    readonly BLOCKS: KVNamespace;
    readonly KEYRING: string;
    readonly ADMIN_KEY: string;
    readonly MIGRATIONS: import("cloudflare:test").D1Migration[];
  }
}
