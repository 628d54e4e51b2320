/**
 * The last check before a write goes out. It runs after the throttle, on the store and the lease as they are at that
 * moment, not as they were when the pass started.
 */
import { keyOf } from "../kube/objects.ts";
import type { Store } from "../runtime/store.ts";
import type { ManagedObject, Sends } from "./managed.ts";
import type { Restrictions } from "./management.ts";
import type { Owners } from "./owners.ts";
import { vouchedId } from "./ownership-facts.ts";

/** Called immediately before a write is sent; a string is the reason not to send it. */
export type Gate = () => string | undefined;

export interface GateOptions<O extends ManagedObject> {
  store: Pick<Store<O>, "get">;
  /** True only while this process certainly holds the lease. */
  mayWrite(): boolean;
  owners: Pick<Owners<O>, "rivalOf">;
  /** By what is known of its namespace at this moment. */
  restrictions(object: O): Restrictions;
}

export interface GatedWrite {
  /** Whether it may go out for an object that is being deleted. */
  allowDeleting: boolean;
  /** What it sends; absent: nothing that the end of a namespace forbids. */
  sends?: Sends | undefined;
  /** It deletes the resource itself. What only hangs on it, or was made by mistake, is not protected. */
  destroys?: boolean;
}

export function newGate<O extends ManagedObject>(
  { store, mayWrite, owners, restrictions }: GateOptions<O>,
  object: O,
  { allowDeleting, sends, destroys }: GatedWrite,
): Gate {
  const key = keyOf(object);
  return () => {
    if (!mayWrite()) return "this process is not the leader";
    const latest = store.get(key);
    if (!latest || latest.metadata.uid !== object.metadata.uid) return "the object is gone";
    const id = vouchedId(latest);
    if (id !== undefined && owners.rivalOf(id, latest) !== undefined) return "another object owns it";
    const { deletionTimestamp } = latest.metadata;
    if (!allowDeleting && deletionTimestamp) return "the object is being deleted";
    const { halted, protection, namespaceEnds } = restrictions(latest);
    if (halted) return halted.message;
    if (sends === "create" && namespaceEnds) return "the namespace is being deleted";
    if (destroys && protection !== undefined) return `it is protected from deletion: ${protection}`;
    return undefined;
  };
}
