/** `node scripts/fidelity-page.ts`: writes docs/fidelity.md from the data of test/e2e/fidelity.test.ts, which checks that the page is current. */
import { writeFileSync } from "node:fs";
import { fidelityPagePath, renderFidelityPage } from "../test/e2e/fidelity/page.ts";

writeFileSync(fidelityPagePath, renderFidelityPage());
