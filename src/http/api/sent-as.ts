import * as z from "zod/mini";
import type { JsonSchema } from "../openapi/shapes.ts";

/** What a caller sends, in JSON Schema, for schemas that turn it into something else. */
export const sentAs = z.registry<JsonSchema>();
