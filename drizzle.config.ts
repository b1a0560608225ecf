import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: "./src/store/platform/schema.ts",
  out: "./migrations",
});
