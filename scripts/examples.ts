/** `npm run examples`: writes the generated parts of the proxy configurations in `examples/` (INC-35). */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { examples } from "./examples/render.ts";

const folder = fileURLToPath(new URL("../examples/", import.meta.url));

for (const { path, render } of examples) {
  const file = folder + path;
  const current = existsSync(file) ? readFileSync(file, "utf8") : "";
  const text = render(current);
  if (text === current) continue;
  writeFileSync(file, text);
  console.log(`Written: examples/${path}`);
}
