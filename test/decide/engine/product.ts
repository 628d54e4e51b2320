/**
 * Products of axes: every combination of what may be observed of one object. One situation is changed in place from
 * each combination to the next, since millions of fresh ones would take minutes.
 */

import { isDeepStrictEqual } from "node:util";

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

/**
 * Values that leave something of the one before, as "axis/value": then situations are missing, and what holds in them is not
 * known.
 */
export function leakyValues<S extends { observation: unknown }>(
  start: () => S,
  axes: readonly Axis<S>[],
): string[] {
  const putFirst = (situation: S, of: readonly Axis<S>[]) => {
    for (const [first] of of) first?.(situation);
  };
  return axes.flatMap((values, depth) =>
    values.flatMap((put, index) => {
      const [outer, inner] = [axes.slice(0, depth), axes.slice(depth + 1)];
      const [fresh, used] = [start(), start()];
      for (const situation of [fresh, used]) putFirst(situation, outer);
      values.at(index - 1)?.(used);
      for (const other of inner.flat()) other(used);
      // As a product is walked, an axis begins anew after one further out; the outermost one does not.
      const isFirst = index === 0;
      if (isFirst && depth === 0) return [];
      if (isFirst) putFirst(used, outer.slice(-1));
      for (const situation of [fresh, used]) {
        put(situation);
        putFirst(situation, inner);
      }
      return isDeepStrictEqual(plain(used.observation), plain(fresh.observation))
        ? []
        : [`${depth}/${index}`];
    }),
  );
}

/** What is undefined is as good as absent. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
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
