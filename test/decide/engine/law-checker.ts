/**
 * Checks decisions against laws. It remembers for each law that is broken the smallest observation in which it was, and
 * which laws applied: one that never does cannot fail, so it guards nothing.
 */
import { type AnyDecision, choiceOf, type Law, wordOf } from "./law.ts";

/** Observations that are compared for each law that is broken, to report a small one. */
const COMPARED = 1_000;

export interface Checked<O, D extends AnyDecision> {
  decide(observation: O): D;
  laws: readonly Law<O, D>[];
  /** An observation in which nothing is to be done: reports show the difference from it. */
  plain(): O;
}

interface Entry<O, D extends AnyDecision> {
  law: Law<O, D>;
  applications: number;
}

export class LawChecker<O, D extends AnyDecision> {
  /** Steps, and kinds of outcome. */
  readonly chosen = new Set<string>();
  readonly #of: Checked<O, D>;
  readonly #entries: readonly Entry<O, D>[];
  readonly #byChoice = new Map<string, readonly Entry<O, D>[]>();
  readonly #broken = new Map<string, { count: number; smallest: string; size: number }>();

  constructor(of: Checked<O, D>) {
    this.#of = of;
    this.#entries = of.laws.map((law) => ({ law, applications: 0 }));
  }

  check(observation: O): D {
    const decision = this.#of.decide(observation);
    const { step } = decision;
    const choice = choiceOf(decision);
    this.chosen.add(choice);
    for (const entry of this.#about(choice, step.do)) {
      const { law } = entry;
      if (law.when && !law.when(observation, step, decision)) continue;
      entry.applications++;
      if (!law.holds(observation, step, decision))
        this.report(`${law.name} (${choice})`, observation, decision);
    }
    return decision;
  }

  /** Remembers that a law was broken; also for what is no law of one observation, such as a comparison of two. */
  report(name: string, observation: O, decision?: D): void {
    const found = this.#broken.get(name);
    const count = (found?.count ?? 0) + 1;
    if (found && count > COMPARED) return;
    const difference = JSON.stringify(differenceFrom(observation, this.#of.plain())) ?? "plain";
    const isSmaller = !found || difference.length < found.size;
    const shown = decision ? `${difference}: ${wordOf(decision)}` : difference;
    const smallest = isSmaller ? shown : found.smallest;
    this.#broken.set(name, { count, smallest, size: isSmaller ? difference.length : found.size });
  }

  /** Each law that was broken, with the smallest observation in which it was. */
  get broken(): Record<string, string> {
    return Object.fromEntries([...this.#broken].map(([name, { smallest }]) => [name, smallest]));
  }

  /** Names of the laws that applied to at least one decision. */
  get applied(): string[] {
    return this.#entries.filter(({ applications }) => applications > 0).map(({ law }) => law.name);
  }

  #about(choice: string, step: string): readonly Entry<O, D>[] {
    const before = this.#byChoice.get(choice);
    if (before) return before;
    const about = this.#entries.filter(
      ({ law: { choices } }) => choices.includes(choice) || choices.includes(step),
    );
    this.#byChoice.set(choice, about);
    return about;
  }
}

/** The parts of a value that differ from the plain one; undefined where none does. */
export function differenceFrom(value: unknown, plain: unknown): unknown {
  if (!isRecord(value) || !isRecord(plain))
    return JSON.stringify(value) === JSON.stringify(plain) ? undefined : (value ?? null);
  const keys = [...new Set([...Object.keys(value), ...Object.keys(plain)])];
  const entries = keys
    .map((key) => [key, differenceFrom(value[key], plain[key])])
    .filter(([, difference]) => difference !== undefined);
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
