/** What one pass works on. It advances with the operator's own writes; nothing of it outlives the pass. */
import type { Secret } from "../kube/resource.ts";
import type { ContextOf, KindTypes, MemoryOf } from "./kind.ts";

export interface Pass<T extends KindTypes> {
  readonly key: string;
  /** Monotonic time at which it began. */
  readonly beganAt: number;
  object: T["object"];
  context: ContextOf<T>;
  observation: T["observation"];
  /** The memory of the decision, then that of the step. */
  memory: MemoryOf<T>;
  /** The account whose requests have a permit. */
  permitted?: T["account"];
  /** It ends without its step, for want of a permit or of facts: its key is queued with what is missing. */
  isWaiting?: boolean;
  /** A write went out and was not surely refused. */
  mayHaveEffect?: boolean;
  /** The back-off of a failed step is over when this changes. */
  readonly signature: string;
  /** Name of the Secret that carries our finalizer on behalf of the object; kept in status. */
  credentialsSecret?: string;
  /** The Secret with the key, where it does not come from the operator itself. */
  readonly secret?: Secret;
}
