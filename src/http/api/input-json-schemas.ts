import * as z from "zod/mini";
import type { JsonSchema } from "../openapi/shapes.ts";

/** The JSON Schema of the input, for zod schemas that transform it. */
export const inputJsonSchemaRegistry = z.registry<JsonSchema>();
