import { randomBytes } from "node:crypto";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { wycheproof } from "./scripts/wycheproof.ts";

const secrets = {
  KEYRING: `k1:${randomBytes(32).toString("base64")}`,
  ADMIN_KEY: randomBytes(32).toString("base64url"),
};
// In the environment as well, because that is where wrangler looks for required secrets.
Object.assign(process.env, secrets);

/** What Miniflare calls the Worker that a binding is of. */
const kCurrentWorker = Symbol.for("miniflare.kCurrentWorker");

export default defineConfig({
  plugins: [
    wycheproof(),
    cloudflareTest(async () => ({
      wrangler: { configPath: "./wrangler.toml" },
      miniflare: {
        // Another Worker's way to this one, as its wrangler.toml would name it.
        serviceBindings: {
          SECOND_FACTOR: {
            name: kCurrentWorker,
            entrypoint: "SecondFactor",
            props: { realm: "shop", caller: "checkout" },
          },
          UNKNOWN_CALLER: { name: kCurrentWorker, entrypoint: "SecondFactor" },
        },
        bindings: {
          ...secrets,
          EXPORT_KEY: randomBytes(32).toString("base64url"),
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
    // Vitest keeps a core for itself, which on two cores leaves one file at a time: with two it takes half as long.
    maxWorkers: "100%",
    hookTimeout: 60_000,
  },
});
