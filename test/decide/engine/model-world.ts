/**
 * What models of the cloud, one for each kind, have in common: one pass of the operator, and the time until the next.
 * How the cloud behaves belongs to the kinds.
 */
import { isReported, type Outcome } from "../../../src/reconcile/outcome.ts";
import { type AnyDecision, outcomeOf } from "./law.ts";

export const SECOND_MS = 1_000;
/** Base of the back-off, about where it is after a few tries. */
const RETRY_MS = 5_000;

interface Observed<M> {
  memory: M;
  now: number;
}

export type Acting<D extends AnyDecision> = Exclude<D["step"], { do: "none" }>;

export abstract class ModelWorld<M, O extends Observed<M>, D extends AnyDecision & { memory: M }> {
  /** What the cloud is like is put into it before each pass, as far as it has been read. */
  abstract readonly observation: O;

  /** Whether something is still to come by itself. */
  abstract get moving(): boolean;

  protected abstract decide(observation: O): D;
  /** Puts what the cloud is like into the observation. */
  protected abstract look(): void;
  /** Carries a step out. `before` is what was remembered before the pass. */
  protected abstract perform(step: Acting<D>, before: M): void;
  /** A fact that the decision lacked is read. */
  protected abstract read(fact: string): void;
  /** Time goes on, and what the cloud has begun with it. */
  protected abstract elapse(ms: number): void;
  /** Milliseconds until the next pass where all is done. */
  protected readonly resyncMs: number = SECOND_MS;

  /** One pass, and the time until the next. `decided`: what is decided on what is observed now, where that is known. */
  pass(decided?: D): D {
    const { observation } = this;
    this.look();
    const decision = decided ?? this.decide(observation);
    const { step, memory, needs = [] } = decision;
    const before = observation.memory;
    const outcome = outcomeOf(step);
    // What reports nothing of the object is not written to its status either.
    if (!outcome || isReported(outcome)) observation.memory = memory;
    if (!outcome) this.perform(step as Acting<D>, before);
    // A fact that has been read queues the key at once.
    this.elapse(outcome && needs.length === 0 ? this.#pauseAfter(outcome) : SECOND_MS);
    for (const fact of needs) this.read(fact);
    return decision;
  }

  /** Milliseconds until the next pass. Some time always goes by, or nothing would ever happen. */
  #pauseAfter(outcome: Outcome): number {
    switch (outcome.kind) {
      case "RequeueAfter":
        return Math.max(outcome.afterMs, SECOND_MS);
      case "Retry":
        return outcome.atLeastMs ?? RETRY_MS;
      case "Terminal":
      case "Halted":
        // A change that is read queues the key.
        return this.moving ? Math.min(outcome.recheckMs, RETRY_MS) : outcome.recheckMs;
      case "Done":
        return this.resyncMs;
      default:
        return SECOND_MS;
    }
  }
}
