import { randomBytes } from "node:crypto";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// In the environment as well, because wrangler looks for required secrets there.
process.env.KEYRING = `k1:${randomBytes(32).toString("base64")}`;
process.env.ADMIN_KEY = randomBytes(32).toString("base64url");

export default defineConfig({
  plugins: [
    cloudflareTest(async () => ({
      wrangler: { configPath: "./wrangler.toml" },
      miniflare: {
        bindings: {
          KEYRING: process.env.KEYRING,
          ADMIN_KEY: process.env.ADMIN_KEY,
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
