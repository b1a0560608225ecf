declare namespace Cloudflare {
  interface Env {
    readonly DB: D1Database;
    readonly BLOCKS: KVNamespace;
    readonly KEYRING: string;
    readonly ADMIN_KEY: string;
    readonly EXPORT_KEY: string;
    readonly SECOND_FACTOR: Service<import("../../src/rpc.ts").SecondFactor>;
    readonly UNKNOWN_CALLER: Service<import("../../src/rpc.ts").SecondFactor>;
    readonly MIGRATIONS: import("cloudflare:test").D1Migration[];
  }
}
