/**
 * The table of all mutations, and which of them a seed stands for.
 */

import { between, seeded } from "../world/random.ts";
import { FIELDS } from "./fields.ts";
import { FORMS } from "./forms.ts";
import { LAGS } from "./lags.ts";
import type { Mutation } from "./mutation.ts";
import { VALUES } from "./values.ts";

export const MUTATIONS: readonly Mutation[] = [...FIELDS, ...VALUES, ...LAGS, ...FORMS];

/** Throws a TypeError that names what there is not. */
export function mutationNamed(name: string): Mutation {
  const found = MUTATIONS.find((mutation) => mutation.name === name);
  if (!found) throw new TypeError(`there is no mutation ${JSON.stringify(name)}`);
  return found;
}

/**
 * The names of up to four mutations, the same for the same seed, from those within what the operator guarantees, and
 * together within it.
 */
export function combinationOf(seed: number, from: readonly Mutation[] = MUTATIONS): string[] {
  const random = seeded(seed);
  const left = from.filter(({ beyond }) => !beyond).map(({ name }) => name);
  const count = Math.min(left.length, between(random, 2, 4));
  const drawn = Array.from(
    { length: count },
    () => left.splice(Math.floor(random() * left.length), 1)[0] ?? "",
  );
  const omitting = drawn.filter((name) => mutationNamed(name).omits);
  return drawn.filter((name) => !omitting.slice(1).includes(name));
}
