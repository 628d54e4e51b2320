/**
 * Which object owns a resource where several name it: in all namespaces that this operator serves, also while a record is
 * still being written, and while it is made (docs/design.md, Record). What an object itself says is read in
 * ownership-facts.ts.
 */
import type { Clock } from "../base/clock.ts";
import { keyOf } from "../kube/objects.ts";
import type { Store } from "../runtime/store.ts";
import type { ManagedObject } from "./managed.ts";
import { attemptOf, HOLDING, makingSince, ownedSince, vouchedId } from "./ownership-facts.ts";
import type { Attempt } from "./record.ts";

/** How long a claim holds without a record: longer than the writes of one take, tried again against conflicts. */
const CLAIM_MS = 60_000;

interface Claim {
  key: string;
  uid: string;
  /** Monotonic, in milliseconds. */
  until: number;
}

export interface OwnersOptions<O extends ManagedObject> {
  /** MUST be indexed by `holdingOf`. */
  store: Pick<Store<O>, "get" | "indexed">;
  clock: Clock;
  /** See `Policy`. */
  createdAs?(name: string, object: O): string | undefined;
}

/** An object, and since when it holds something, in milliseconds. */
interface Holder {
  key: string;
  uid: string;
  since: number;
}

/** How an object came to an id that is not in its status yet: by its own create, or by adopting what has this name. */
export type Claimed = { attempt: Pick<Attempt, "time"> } | { name: string | undefined; team: string };

export class Owners<O extends ManagedObject> {
  readonly #options: OwnersOptions<O>;
  /** By id: the object whose record of it is being written. */
  readonly #claims = new Map<string, Claim>();

  constructor(options: OwnersOptions<O>) {
    this.#options = options;
  }

  /**
   * Key of the object that owns `id`, where this one does not. Of two that record it the one that has owned it longer does,
   * however old the objects are: an object is no older owner for having waited. What a create made is owned from the
   * announcement of the create on.
   */
  rivalOf(id: string, object: O): string | undefined {
    if (vouchedId(object) !== id) return first(this.#owners(id, object)) ?? this.#claimant(id, object);
    const { name, teamId = "" } = object.status ?? {};
    const holders = [...this.#owners(id, object), ...this.#makers(name, teamId, object)];
    return first(holders, { uid: uidOf(object), since: ownedSince(object) });
  }

  /** Key of another object whose open create may have made what has this name. */
  makerOf(name: string | undefined, team: string, object: O): string | undefined {
    return first(this.#makers(name, team, object));
  }

  /**
   * To be called right before the id is recorded, with nothing to wait for in between: from then on no other object records
   * it. Returns the key of the object that was faster.
   */
  claim(id: string, object: O, by: Claimed): string | undefined {
    const rival =
      "attempt" in by
        ? (first(this.#owners(id, object), { uid: uidOf(object), since: makingSince(by.attempt) }) ??
          this.#claimant(id, object))
        : (this.rivalOf(id, object) ?? this.makerOf(by.name, by.team, object));
    if (rival !== undefined) return rival;
    const now = this.#options.clock.monotonic();
    for (const [claimed, { until }] of this.#claims) if (until <= now) this.#claims.delete(claimed);
    this.#claims.set(id, { key: keyOf(object), uid: uidOf(object), until: now + CLAIM_MS });
    return undefined;
  }

  /** The other objects whose status has this id. */
  #owners(id: string, object: O): Holder[] {
    return this.#others(HOLDING.id(id), object).map((other) => holder(other, ownedSince(other)));
  }

  /** The other objects with an open create of this name in the same account. */
  #makers(name: string | undefined, team: string, object: O): Holder[] {
    if (name === undefined) return [];
    const created = this.#options.createdAs?.(name, object) ?? name;
    return this.#others(HOLDING.name(created), object).flatMap((other) => {
      const attempt = attemptOf(other);
      return attempt?.team === team ? [holder(other, makingSince(attempt))] : [];
    });
  }

  #others(holding: string, object: O): O[] {
    return this.#options.store.indexed(holding).filter((other) => uidOf(other) !== uidOf(object));
  }

  #claimant(id: string, object: O): string | undefined {
    const { store, clock } = this.#options;
    const claim = this.#claims.get(id);
    if (!claim || claim.uid === uidOf(object) || claim.until <= clock.monotonic()) return undefined;
    return store.get(claim.key)?.metadata.uid === claim.uid ? claim.key : undefined;
  }
}

/** Key of the one that has held it longest, and for longer than `self`; at the same time, by UID. */
function first(holders: readonly Holder[], self?: Omit<Holder, "key">): string | undefined {
  const rivals = self ? holders.filter((other) => isBefore(other, self)) : holders;
  const [oldest, ...more] = rivals;
  return oldest && more.reduce((one, other) => (isBefore(other, one) ? other : one), oldest).key;
}

function isBefore(one: Omit<Holder, "key">, other: Omit<Holder, "key">): boolean {
  return one.since === other.since ? one.uid < other.uid : one.since < other.since;
}

function holder(object: ManagedObject, since: number): Holder {
  return { key: keyOf(object), uid: uidOf(object), since };
}

function uidOf({ metadata }: ManagedObject): string {
  return metadata.uid ?? "";
}
