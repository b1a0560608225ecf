/** What an origin and a client see of each other through the gate and behind nginx, compared with a direct exchange. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { differences } from "./fidelity/differences.ts";
import { readFidelityPage, renderFidelityPage } from "./fidelity/page.ts";
import { compare } from "./fidelity/predict.ts";
import { Surroundings, type Way } from "./fidelity/surroundings.ts";
import { exchanges } from "./fidelity/table.ts";

const ways: readonly Way[] = [
  { through: "gate", renewing: false },
  { through: "gate", renewing: true },
  { through: "nginx", renewing: false },
  { through: "nginx", renewing: true },
];

let surroundings: Surroundings;
before(async () => {
  surroundings = await Surroundings.start();
});
after(() => surroundings?.stop());

/** `id at place` of each difference that an exchange has shown. */
const shown = new Set<string>();

describe("an exchange differs from a direct one only as docs/fidelity.md says", { concurrency: 6 }, () => {
  for (const exchange of exchanges) {
    it(exchange.name, async () => {
      const direct = await surroundings.make(exchange, { through: "nothing", renewing: false });
      assert.equal(direct.requests.length, 1);
      for (const way of ways) {
        const through = await surroundings.make(exchange, way);
        const { visitor, originHost, nginxHost } = surroundings;
        const { expected, actual, ...rest } = compare(
          direct,
          through,
          { exchange, way, visitor, originHost, nginxHost },
          differences,
        );
        for (const id of rest.shown) shown.add(`${id} at ${way.through}`);
        assert.deepEqual(actual, expected, `${way.through}${way.renewing ? ", with a renewed session" : ""}`);
      }
    });
  }
});

describe("the documented differences", () => {
  it("are all shown by an exchange", () => {
    const documented = differences.flatMap(({ id, at }) => at.map((place) => `${id} at ${place}`));
    assert.deepEqual(
      documented.filter((text) => !shown.has(text)),
      [],
    );
  });

  it("are those of docs/fidelity.md, as `node scripts/fidelity-page.ts` writes it", () => {
    assert.equal(readFidelityPage(), renderFidelityPage());
  });

  it("are compared for at least 120 exchanges, each with a name of its own", () => {
    const names = new Set(exchanges.map(({ name }) => name));
    assert.ok(names.size >= 120);
    assert.equal(names.size, exchanges.length);
  });
});
