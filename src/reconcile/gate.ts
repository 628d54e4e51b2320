/**
 * The last check before a write goes out. It runs after the throttle, on the store and the lease as they are at that
 * moment, not as they were when the pass started.
 */
import { keyOf } from "../kube/objects.ts";
import type { Store } from "../runtime/store.ts";
import type { ManagedObject } from "./managed.ts";
import type { Owners } from "./owners.ts";
import { vouchedId } from "./ownership-facts.ts";
import { ANNOTATION, isOn } from "./record.ts";

/** Called immediately before a write is sent; a string is the reason not to send it. */
export type Gate = () => string | undefined;

export interface GateOptions<O extends ManagedObject> {
  store: Pick<Store<O>, "get">;
  /** True only while this process certainly holds the lease. */
  mayWrite(): boolean;
  owners: Pick<Owners<O>, "rivalOf">;
}

/** `allowDeleting`: whether the write may go out for an object that is being deleted. */
export function newGate<O extends ManagedObject>(
  { store, mayWrite, owners }: GateOptions<O>,
  object: O,
  { allowDeleting }: { allowDeleting: boolean },
): Gate {
  const key = keyOf(object);
  return () => {
    if (!mayWrite()) return "this process is not the leader";
    const latest = store.get(key);
    if (!latest || latest.metadata.uid !== object.metadata.uid) return "the object is gone";
    const id = vouchedId(latest);
    if (id !== undefined && owners.rivalOf(id, latest) !== undefined) return "another object owns it";
    if (!allowDeleting && latest.metadata.deletionTimestamp) return "the object is being deleted";
    if (isOn(latest.metadata, ANNOTATION.paused)) return "the object was paused";
    if (isOn(latest.metadata, ANNOTATION.dryRun)) return "the object was put under dry-run";
    return undefined;
  };
}
