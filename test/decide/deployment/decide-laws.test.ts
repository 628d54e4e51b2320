/**
 * `decide` against its laws, in combinations of what can be observed. The full product is out of reach, so it is
 * factored: who owns what is combined with a temptation to each kind of write; what was sent with what is shown, and
 * how it goes; what an upsert needs with what may stand in its way; what is left behind with how it ends.
 */
import { describe, expect, it } from "vitest";
import { decideDeployment } from "../../../src/kinds/deployment/decide.ts";
import { itKeepsItsLaws } from "../engine/walk.ts";
import { scene } from "./axes.ts";
import { LAWS } from "./laws.ts";
import { PRODUCTS, TEMPTATIONS } from "./products.ts";
import { situation } from "./situations.ts";

const CHECKED = { decide: decideDeployment, laws: LAWS, plain: () => situation() };

describe("decide", () => {
  itKeepsItsLaws(CHECKED, scene, PRODUCTS);

  it("changes nothing that it is given, since observations share cached facts", () => {
    for (const observation of TEMPTATIONS) expect(() => decideDeployment(frozen(observation))).not.toThrow();
  });
});

/** Maps cannot be frozen; none of them is written to by its type. */
function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || value instanceof Map) return value;
  Object.values(value).forEach(frozen);
  return Object.freeze(value);
}
