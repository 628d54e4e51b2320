/** What would be done if the object were not under dry-run, as far as every kind plans it alike. Pure. */
import type { ResourceState } from "./decision.ts";
import type { ManagedObject } from "./managed.ts";
import type { OwnershipFacts } from "./ownership.ts";

/** The part of an observation that a plan is derived from. */
export interface PlanInput extends Pick<OwnershipFacts, "identity" | "deleting" | "deletionPolicy"> {
  resource: ResourceState<unknown>;
  spec: Pick<ManagedObject["spec"], "onExternalDeletion">;
}

/** Empty: nothing would be done. `end` is the entry of a deletion. */
export function planned<E>(observation: PlanInput, end: E, creation: () => E[], changes: () => E[]): E[] {
  const { identity, resource, deleting, deletionPolicy, spec } = observation;
  if (identity.state === "conflict") return [];
  const gone = resource.state === "absent" && resource.certain;
  if (deleting) return identity.state === "ours" && deletionPolicy === "Delete" && !gone ? [end] : [];
  if (identity.state === "none") return creation();
  if (gone) return spec.onExternalDeletion === "Recreate" ? creation() : [];
  return changes();
}
