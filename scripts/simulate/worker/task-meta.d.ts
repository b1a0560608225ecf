import type { Figure } from "../figure.ts";

declare module "vitest" {
  interface TaskMeta {
    figures?: readonly Figure[];
  }
}
