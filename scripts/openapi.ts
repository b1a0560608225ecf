import { readApiDocument } from "./openapi/document.ts";

// `npm run --silent openapi > openapi.json`: the OpenAPI document of this Worker.
process.stdout.write(await readApiDocument());
