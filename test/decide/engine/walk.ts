/** Walks each product once with all laws, and makes tests of what was found. */
import { expect, it } from "vitest";
import type { AnyDecision } from "./law.ts";
import { type Checked, LawChecker } from "./law-checker.ts";
import { leakyValues, type Product, visitEvery } from "./product.ts";

export interface Walked<O, D extends AnyDecision> {
  checker: LawChecker<O, D>;
  situations: number;
}

export class Walks<S extends { observation: O }, O, D extends AnyDecision> {
  readonly #checked: Checked<O, D>;
  readonly #start: () => S;
  readonly #walked = new Map<Product<S>, Walked<O, D>>();

  constructor(checked: Checked<O, D>, start: () => S) {
    this.#checked = checked;
    this.#start = start;
  }

  /** The product is walked the first time that it is needed. */
  walk(product: Product<S>): Walked<O, D> {
    const before = this.#walked.get(product);
    if (before) return before;
    const checker = new LawChecker(this.#checked);
    const situations = visitEvery(this.#start(), product.axes, ({ observation }) =>
      checker.check(observation),
    );
    const walked = { checker, situations };
    this.#walked.set(product, walked);
    return walked;
  }

  /** Laws that apply to no decision in any of these products. */
  neverApplied(products: readonly Product<S>[]): string[] {
    const applied = new Set(products.flatMap((product) => this.walk(product).checker.applied));
    return this.#checked.laws.map(({ name }) => name).filter((name) => !applied.has(name));
  }
}

/** A test for each product, and one that no law holds only because it never applies. */
export function itKeepsItsLaws<S extends { observation: O }, O, D extends AnyDecision>(
  checked: Checked<O, D>,
  start: () => S,
  products: readonly Product<S>[],
): void {
  const walks = new Walks(checked, start);

  it.each(products)("leaves nothing of one situation in the next: $what", ({ axes }) => {
    expect(leakyValues(start, axes)).toEqual([]);
  });

  it.each(products)(
    "breaks no law, whatever is observed of $what",
    (product) => {
      const { checker, situations } = walks.walk(product);
      expect(checker.broken).toEqual({});
      expect((product.chooses ?? []).filter((choice) => !checker.chosen.has(choice))).toEqual([]);
      expect(situations).toBeGreaterThanOrEqual(product.atLeast);
    },
    600_000,
  );

  it("is checked against every law: one that never applies could not fail", () => {
    expect(walks.neverApplied(products)).toEqual([]);
  }, 600_000);
}
