/**
 * How much all entries of some caches may hold together. Past it the namespace that holds most loses what it has used least
 * recently, and reads it again when a pass needs it: nobody else pays for it.
 */

import { PaperspaceError } from "../paperspace/errors.ts";

/** Bytes of V8's heap, rounded up: the test beside holds them against what values take. */
const OF_OBJECT = 64;
const OF_KEY = 144;
const OF_ELEMENT = 16;
const OF_TEXT = 24;
const LATIN = /^[\0-\xff]*$/;

/**
 * What a value that was read from JSON takes at most in memory, in bytes. The characters alone say little: of `[{},{},…]`, or of
 * an object with many small fields, they are a tenth of it.
 */
export function heapBytes(value: unknown): number {
  if (typeof value === "string") return OF_TEXT + value.length * (LATIN.test(value) ? 1 : 2);
  if (typeof value !== "object" || value === null) return OF_ELEMENT;
  if (Array.isArray(value))
    return value.reduce<number>((bytes, one) => bytes + OF_ELEMENT + heapBytes(one), OF_OBJECT);
  let bytes = OF_OBJECT;
  for (const name in value)
    bytes += OF_KEY + name.length + heapBytes((value as Record<string, unknown>)[name]);
  return bytes;
}

const NO_ROOM = "the objects of this namespace read more than is held at once: it is read again";

/** What is held, by the entry of a cache that holds it. */
interface Share {
  group: string;
  size: number;
  drop(): void;
}

/** Takes what is gathered bit by bit. */
export interface GatheringRoom {
  /** Throws PS_TOO_LARGE where other reads of the namespace have taken the room meanwhile. */
  add(size: number): void;
}

export class MemoryBudget {
  readonly #most: number;
  /** By group, least recently used first. */
  readonly #groups = new Map<string, { size: number; entries: Set<object> }>();
  readonly #shares = new Map<object, Share>();
  #size = 0;

  /** `most`: in bytes, as all sizes that are held. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  /** The entry now holds this much; `drop` is called when it is to hold nothing, and MUST NOT call back. */
  hold(entry: object, share: Share): void {
    this.release(entry);
    const group = this.#groups.get(share.group) ?? { size: 0, entries: new Set() };
    this.#groups.set(share.group, group);
    group.entries.add(entry);
    group.size += share.size;
    this.#size += share.size;
    this.#shares.set(entry, share);
    this.#dropFor(entry);
  }

  /** It was used just now. */
  touch(entry: object): void {
    const share = this.#shares.get(entry);
    const entries = share && this.#groups.get(share.group)?.entries;
    if (entries?.delete(entry)) entries.add(entry);
  }

  /** It holds nothing any more. */
  release(entry: object): void {
    const share = this.#shares.get(entry);
    const group = share && this.#groups.get(share.group);
    if (!share || !group) return;
    this.#shares.delete(entry);
    this.#size -= share.size;
    group.size -= share.size;
    group.entries.delete(entry);
    if (group.entries.size === 0) this.#groups.delete(share.group);
  }

  /** Counts what is gathered until it is there. */
  async gather<T>(group: string, gathered: (room: GatheringRoom) => Promise<T>): Promise<T> {
    const entry = {};
    let size = 0;
    let hasRoom = true;
    const drop = () => {
      hasRoom = false;
    };
    const add = (more: number) => {
      if (!hasRoom) throw new PaperspaceError("PS_TOO_LARGE", NO_ROOM, { effect: "none" });
      size += more;
      this.hold(entry, { group, size, drop });
    };
    try {
      return await gathered({ add });
    } finally {
      this.release(entry);
    }
  }

  /** All but this one, which a pass waits for: else what is larger than all of it would be read without end. */
  #dropFor(newest: object): void {
    while (this.#size > this.#most) {
      const entry = this.#oldestOfLargest(newest);
      if (entry === undefined) return;
      const share = this.#shares.get(entry);
      this.release(entry);
      share?.drop();
    }
  }

  #oldestOfLargest(except: object): object | undefined {
    const { size: exempt = 0 } = this.#shares.get(except) ?? {};
    let most = 0;
    let found: object | undefined;
    for (const { size, entries } of this.#groups.values()) {
      const counted = entries.has(except) ? size - exempt : size;
      if (counted <= most) continue;
      most = counted;
      const [first, second] = entries;
      found = first === except ? second : first;
    }
    return found;
  }
}
