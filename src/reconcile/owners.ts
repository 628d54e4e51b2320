/**
 * Which object owns a resource where several name it: in all namespaces that this operator serves, and also while a record
 * is still being written (docs/design.md, Record). What an object itself says is read in ownership-facts.ts.
 */
import type { Clock } from "../base/clock.ts";
import { keyOf } from "../kube/objects.ts";
import type { Store } from "../runtime/store.ts";
import { millis } from "./conditions.ts";
import type { ManagedObject } from "./managed.ts";
import { vouchedId } from "./ownership-facts.ts";

/** How long a claim holds without a record: longer than the writes of one take, tried again against conflicts. */
const CLAIM_MS = 60_000;

interface Claim {
  key: string;
  uid: string;
  /** Monotonic, in milliseconds. */
  until: number;
}

export interface OwnersOptions<O extends ManagedObject> {
  /** MUST be indexed by `vouchedId`. */
  store: Pick<Store<O>, "get" | "indexed">;
  clock: Clock;
}

export class Owners<O extends ManagedObject> {
  readonly #options: OwnersOptions<O>;
  /** By id: the object whose record of it is being written. */
  readonly #claims = new Map<string, Claim>();

  constructor(options: OwnersOptions<O>) {
    this.#options = options;
  }

  /**
   * Key of the object that owns `id`, where this one does not. Of two that record it the one that has owned it longer does,
   * however old the objects are: an object is no older owner for having waited.
   */
  rivalOf(id: string, object: O): string | undefined {
    const others = this.#options.store
      .indexed(id)
      .filter(({ metadata }) => metadata.uid !== object.metadata.uid);
    const owns = vouchedId(object) === id;
    const rivals = owns ? others.filter((other) => isBefore(other, object)) : others;
    const [first, ...more] = rivals;
    if (first)
      return keyOf(more.reduce((oldest, other) => (isBefore(other, oldest) ? other : oldest), first));
    return owns ? undefined : this.#claimant(id, object.metadata.uid ?? "");
  }

  /**
   * To be called right before the id is recorded, with nothing to wait for in between: from then on no other object records
   * it. Returns the key of the object that was faster.
   */
  claim(id: string, object: O): string | undefined {
    const rival = this.rivalOf(id, object);
    if (rival !== undefined) return rival;
    const now = this.#options.clock.monotonic();
    for (const [claimed, { until }] of this.#claims) if (until <= now) this.#claims.delete(claimed);
    this.#claims.set(id, { key: keyOf(object), uid: object.metadata.uid ?? "", until: now + CLAIM_MS });
    return undefined;
  }

  #claimant(id: string, uid: string): string | undefined {
    const { store, clock } = this.#options;
    const claim = this.#claims.get(id);
    if (!claim || claim.uid === uid || claim.until <= clock.monotonic()) return undefined;
    return store.get(claim.key)?.metadata.uid === claim.uid ? claim.key : undefined;
  }
}

/** Whether one object has owned the same resource for longer than the other; at the same time, by UID. */
function isBefore(one: ManagedObject, other: ManagedObject): boolean {
  const [a, b] = [since(one), since(other)];
  return a === b ? (one.metadata.uid ?? "") < (other.metadata.uid ?? "") : a < b;
}

/** An id without a time was there before the time was kept. */
function since({ status }: ManagedObject): number {
  return millis(status?.ownedSince) ?? Number.NEGATIVE_INFINITY;
}
