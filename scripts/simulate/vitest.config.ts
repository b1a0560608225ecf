import { randomBytes } from "node:crypto";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const secrets = {
  KEYRING: `k1:${randomBytes(32).toString("base64")}`,
  ADMIN_KEY: randomBytes(32).toString("base64url"),
};
// Wrangler reads required secrets from the environment.
Object.assign(process.env, secrets);

export default defineConfig({
  plugins: [
    cloudflareTest(async () => ({
      wrangler: { configPath: "./wrangler.toml" },
      miniflare: {
        bindings: {
          ...secrets,
          SEED: process.env.SEED ?? "1",
          MIGRATIONS: await readD1Migrations("migrations"),
        },
      },
    })),
  ],
  test: {
    include: ["scripts/simulate/worker/*.sim.ts"],
    testTimeout: 600_000,
    hookTimeout: 60_000,
    // The Worker logs every refusal, and a simulation causes hundreds of thousands.
    silent: true,
  },
});
