/**
 * Products of axes: every combination of what may be observed of one object. One situation is changed in place from
 * each combination to the next, since millions of fresh ones would take minutes.
 */

/** The values of one part of a situation. Each must set all that it governs: the situation still holds the one before. */
export type Axis<S> = readonly ((situation: S) => void)[];

export interface Product<S> {
  what: string;
  axes: readonly Axis<S>[];
  /** How many situations it must have, so that an axis cannot get lost. */
  atLeast: number;
  /** Steps and outcomes that must be chosen in it. */
  chooses?: readonly string[];
}

/** `axis` and `every` for situations of this kind. */
export function productsOf<S>(start: () => S) {
  return {
    axis<T>(values: readonly T[], put: (situation: S, value: T) => void): Axis<S> {
      return values.map((value) => (situation: S) => put(situation, value));
    },
    /** Visits every combination of the axes; returns how many there are. */
    every(axes: readonly Axis<S>[], visit: (situation: S) => void): number {
      return visitEvery(start(), axes, visit);
    },
  };
}

export function visitEvery<S>(situation: S, axes: readonly Axis<S>[], visit: (situation: S) => void): number {
  let visits = 0;
  const walk = (depth: number): void => {
    const puts = axes[depth];
    if (!puts) {
      visits++;
      visit(situation);
      return;
    }
    for (const put of puts) {
      put(situation);
      walk(depth + 1);
    }
  };
  walk(0);
  return visits;
}

/** All combinations of two axes, as one. */
export function both<S>(some: Axis<S>, others: Axis<S>): Axis<S> {
  return some.flatMap((put) =>
    others.map((also) => (situation: S) => {
      put(situation);
      also(situation);
    }),
  );
}

/** One of each, in every way; the first varies fastest. */
export function* combinations<T extends object>(of: { [K in keyof T]: readonly T[K][] }): Generator<T> {
  const [first, ...others] = Object.entries(of) as [string, readonly unknown[]][];
  if (!first) {
    yield {} as T;
    return;
  }
  const [name, values] = first;
  for (const rest of combinations(Object.fromEntries(others) as never))
    for (const value of values) yield { ...(rest as object), [name]: value } as T;
}
