/**
 * The frame of every kind's `decide`: ownership first, then whether the thing is there, then its life or its end. What
 * each of these means beyond what all kinds share, the kind says. Pure.
 */
import { act, rest, without } from "./decision.ts";
import { type AbsenceView, absence, adoption, type DeleteStep, deletion, type Sighted } from "./existence.ts";
import type { Decision, ManagedObject, Operation, Step } from "./kind.ts";
import type { Trouble } from "./outcome.ts";
import { decideOwnership, type OwnershipFacts, type OwnershipStep } from "./ownership.ts";

/** What every kind's view says; `P` is what its thing is like. */
export interface ThingView<M = { operation?: Operation }, P = unknown> extends OwnershipFacts {
  spec: Pick<ManagedObject["spec"], "onExternalDeletion">;
  sighting: Sighted<P>;
  /** The last look failed: what to say instead of deciding on old knowledge. */
  trouble?: Trouble;
  memory: M;
  /** Wall clock. */
  now: number;
  /** In milliseconds: how often to look while waiting, and to try again what is late. */
  limits: { lookMs: number; slowMs: number };
}

type Present<V extends ThingView> = Extract<V["sighting"], { state: "present" }>;

/** Where a kind has nothing to add, a phase is what it is for every kind. */
export interface Phases<V extends ThingView, S extends Step> {
  /** MUST come to `adoption` of existence.ts. */
  adopt?(view: V, id: string): OwnershipStep;
  create?(view: V): Decision<S, V["memory"]>;
  release?(view: V, step: OwnershipStep & { do: "release" }): Decision<S, V["memory"]>;
  /** MUST come to `absence` of existence.ts. */
  gone?(view: V, certain: boolean): Decision<S, V["memory"]>;
  /** Names of facts to be looked up while the object is halted: what a plan needs. */
  lacks?(view: V): readonly string[];
  end?(view: V, sighting: Present<V>): Decision<S, V["memory"]>;
  /** It is there, shall stay, and nobody has halted us. */
  life(view: V, sighting: Present<V>): Decision<S, V["memory"]>;
}

export function choose<V extends ThingView, S extends Step>(
  view: V,
  phases: Phases<V, S>,
): Decision<S | DeleteStep, V["memory"]> {
  const { memory, sighting, trouble } = view;
  const owned = decideOwnership(view);
  if (owned) return owning(view, owned, phases);
  if (trouble) return rest(trouble, memory);
  switch (sighting.state) {
    case "unknown":
      return rest({ kind: "Unknown" }, memory);
    case "absent":
      if (phases.gone) return phases.gone(view, sighting.certain);
      return absence(view as AbsenceView<V["memory"]>, sighting.certain, without(memory));
    case "present":
      if (view.deleting) return phases.end?.(view, sighting as Present<V>) ?? deletion<V["memory"]>(view);
      return halted(view, phases) ?? phases.life(view, sighting as Present<V>);
  }
}

function halted<V extends ThingView, S extends Step>(
  view: V,
  { lacks }: Phases<V, S>,
): Decision<S, V["memory"]> | undefined {
  const { halted: why, memory, recheckMs } = view;
  if (!why) return undefined;
  return { ...rest({ kind: "Halted", ...why, recheckMs }, memory), ...(lacks && { asks: lacks(view) }) };
}

function owning<V extends ThingView, S extends Step>(
  view: V,
  owned: OwnershipStep,
  phases: Phases<V, S>,
): Decision<S, V["memory"]> {
  const { memory, sighting, trouble } = view;
  switch (owned.do) {
    case "adopt": {
      const seen = { state: sighting.state, ...(trouble && { trouble }), changes: [] };
      return act(phases.adopt?.(view, owned.id) ?? adoption(owned.id, seen, view), memory);
    }
    case "create":
      return phases.create?.(view) ?? act(owned, without(memory));
    case "release":
      return phases.release?.(view, owned) ?? act(owned, memory);
    default:
      return act(owned, memory);
  }
}
