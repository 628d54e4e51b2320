/**
 * What must hold of every kind where an object is only observed, its resource is protected from deletion, or its namespace
 * ends; and the values of an axis of that.
 */
import type { Observation } from "../../../src/reconcile/decision.ts";
import type { Restrictions } from "../../../src/reconcile/management.ts";
import type { AnyDecision, Law } from "./law.ts";

const OBSERVED: Restrictions = {
  halted: { reason: "ObservedOnly", message: "only observed" },
  observes: true,
};
const PROTECTED: Restrictions = { protection: "it is declared so" };
/** What each of them leaves out, so that one replaces another. */
export const UNRESTRICTED = {
  halted: undefined,
  observes: undefined,
  protection: undefined,
  namespaceEnds: undefined,
} as const;

export const RESTRICTIONS: readonly Restrictions[] = [OBSERVED, { ...PROTECTED, namespaceEnds: true }];
export const TOGETHER: readonly Restrictions[] = [...RESTRICTIONS, { ...OBSERVED, ...PROTECTED }];

/** Of the generic decision: what they write is on the object. */
const BOOKKEEPING = ["addFinalizer", "restoreRecord", "recordOwnership", "closeAttempt", "disown"];

/** `writes`: the steps of the kind. */
export function restrictionLaws<O extends Observation, D extends AnyDecision>(
  writes: readonly string[],
): Law<O, D>[] {
  return [
    {
      name: "nothing is written to the cloud for what is only observed",
      choices: writes,
      holds: ({ observes }) => !observes,
    },
    {
      name: "nothing is written to an object that is only observed and lives",
      choices: BOOKKEEPING,
      holds: ({ observes, deleting }) => !observes || deleting,
    },
    {
      name: "an object that is only observed keeps what it owns: it is released only as an orphan, or where it owns nothing",
      choices: ["release"],
      holds: (observation) => !observation.observes || !owns(observation),
    },
    {
      name: "what is only observed is reported as it is: a halt would leave what was reported before",
      choices: ["Halted"],
      holds: ({ observes }) => !observes,
    },
    {
      name: "what is protected is not deleted",
      choices: ["delete"],
      holds: ({ protection }) => protection === undefined,
    },
    {
      name: "an object whose resource is protected is released only where that is certainly gone, stays, or never was",
      choices: ["release"],
      holds: (observation) => {
        const { resource, protection } = observation;
        const isGone = resource.state === "absent" && resource.certain;
        return protection === undefined || isGone || !owns(observation);
      },
    },
    {
      name: "nothing is created in a namespace that ends",
      choices: ["create"],
      holds: ({ namespaceEnds }) => !namespaceEnds,
    },
  ];
}

/** Laws of what is reported as done: of what is only observed it is no matter what is declared. */
export function ofManaged<O extends Restrictions, D extends AnyDecision>(
  laws: readonly Law<O, D>[],
): Law<O, D>[] {
  return laws.map((law) =>
    law.choices.includes("Done")
      ? { ...law, when: (...of) => !of[0].observes && (law.when?.(...of) ?? true) }
      : law,
  );
}

/** What it would lose by its release. */
function owns({ identity, deletionPolicy, ownedBy }: Observation): boolean {
  return identity.state === "ours" && deletionPolicy === "Delete" && ownedBy === undefined;
}
