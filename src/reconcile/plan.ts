/** What would be done if the object were not under dry-run, as far as every kind plans it alike. Pure. */
import type { Sighted } from "./existence.ts";
import type { ManagedObject } from "./kind.ts";
import type { OwnershipFacts } from "./ownership.ts";

/** What a kind's view says of what a plan rests on. */
export interface PlanView extends Pick<OwnershipFacts, "identity" | "deleting" | "deletionPolicy"> {
  sighting: Sighted<unknown>;
  spec: Pick<ManagedObject["spec"], "onExternalDeletion">;
}

/** Empty: nothing would be done. `end` is the entry of a deletion. */
export function planned<E>(view: PlanView, end: E, creation: () => E[], changes: () => E[]): E[] {
  const { identity, sighting, deleting, deletionPolicy, spec } = view;
  if (identity.state === "conflict") return [];
  const gone = sighting.state === "absent" && sighting.certain;
  if (deleting) return identity.state === "ours" && deletionPolicy === "Delete" && !gone ? [end] : [];
  if (identity.state === "none") return creation();
  if (gone) return spec.onExternalDeletion === "Recreate" ? creation() : [];
  return changes();
}
