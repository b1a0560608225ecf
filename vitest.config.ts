import { randomBytes } from "node:crypto";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const secrets = {
  KEYRING: `k1:${randomBytes(32).toString("base64")}`,
  ADMIN_KEY: randomBytes(32).toString("base64url"),
};
// In the environment as well, because that is where wrangler looks for required secrets.
Object.assign(process.env, secrets);

export default defineConfig({
  plugins: [
    cloudflareTest(async () => ({
      wrangler: { configPath: "./wrangler.toml" },
      miniflare: {
        bindings: {
          ...secrets,
          MIGRATIONS: await readD1Migrations("migrations"),
        },
      },
    })),
  ],
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    exclude: ["test/e2e/**"],
    // A sign-in hashes a password, which takes its 150 ms of CPU by design, and some tests need sixty.
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
