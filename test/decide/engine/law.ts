/**
 * What must hold of every decision, whatever is observed: sentences, each with the decisions to which it applies. Laws
 * are written against observations and decisions alone, never against the code that decides.
 */
import { type Step, stepName } from "../../../src/reconcile/managed.ts";
import type { Outcome } from "../../../src/reconcile/outcome.ts";

/** A decision of any kind. */
export interface AnyDecision {
  step: Step | { do: "none"; outcome: Outcome };
  memory: unknown;
  needs?: readonly string[];
}

/** What a decision chooses: a step, or with "none" an outcome. "none" stands for every outcome. */
export type ChoiceOf<D extends AnyDecision> = D["step"]["do"] | Outcome["kind"];

/** Steps that share a shape are one member of the union, which `Extract` would not find by one of its names. */
type Named<T, N> = T extends { do: infer E } ? (E & N extends never ? never : T) : never;

export type StepOf<D extends AnyDecision, N> =
  | Named<D["step"], N>
  | (N extends Outcome["kind"] ? { do: "none"; outcome: Extract<Outcome, { kind: N }> } : never);

export interface Law<O, D extends AnyDecision> {
  name: string;
  choices: readonly string[];
  /** Narrows the choices to which it applies; it is checked only where this is true. */
  when?(observation: O, step: D["step"], decision: D): boolean;
  holds(observation: O, step: D["step"], decision: D): boolean;
}

type Condition<O, D extends AnyDecision, N extends ChoiceOf<D>> = (
  observation: O,
  step: StepOf<D, N>,
  decision: D,
) => boolean;

interface Narrowed<O, D extends AnyDecision, N extends ChoiceOf<D>> {
  choices: readonly N[];
  when: Condition<O, D, N>;
}

/** `law` for decisions of this kind: it applies to these choices, or to those of them that meet a condition. */
export function lawsOf<O, D extends AnyDecision>() {
  return function law<const N extends ChoiceOf<D>>(
    appliesTo: readonly N[] | Narrowed<O, D, N>,
    name: string,
    holds: Condition<O, D, N>,
  ): Law<O, D> {
    const narrowed = "when" in appliesTo ? appliesTo : { choices: appliesTo };
    // It is looked up by the choices to which it applies, and never checked against another.
    return { name, ...narrowed, holds } as unknown as Law<O, D>;
  };
}

/** The step, or the kind of outcome. */
export function choiceOf({ step }: AnyDecision): string {
  return outcomeOf(step)?.kind ?? step.do;
}

/** Undefined for a step. */
export function outcomeOf(step: AnyDecision["step"]): Outcome | undefined {
  return "outcome" in step ? step.outcome : undefined;
}

/** What was chosen in a word or two: "assign/s1", "RequeueAfter/Starting". */
export function wordOf({ step }: Pick<AnyDecision, "step">): string {
  const outcome = outcomeOf(step);
  if (!outcome) return stepName(step);
  return "reason" in outcome ? `${outcome.kind}/${outcome.reason}` : outcome.kind;
}
