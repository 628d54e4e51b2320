/**
 * The order in which the objects of a team go for scarce hardware: namespaces take turns, and within its turn a namespace
 * sends the object of the highest priority, then the one that waits longest. Priority counts between namespaces only as far
 * as the operator allows.
 */

export interface Waiter {
  key: string;
  namespace: string;
  priority: number;
  /** Wall clock, milliseconds: since when it waits. */
  since: number;
}

/** By namespace: the highest priority that counts between namespaces. Where it has none, that is 0. */
export type PriorityBounds = Readonly<Record<string, number>>;

/** When each namespace had its last turn, by a count that only grows. One that never had any comes first. */
export type NamespaceTurns = ReadonlyMap<string, number>;

/** All waiters, the next one first. Pure. */
export function inOrder(waiters: Iterable<Waiter>, turns: NamespaceTurns, bounds: PriorityBounds): Waiter[] {
  const queues = [...byNamespace(waiters)].map(([namespace, queue]) => ({
    queue,
    bound: bounds[namespace] ?? 0,
    turn: turns.get(namespace) ?? 0,
  }));
  let turn = Math.max(0, ...turns.values());
  const ordered: Waiter[] = [];
  for (let next = first(queues); next; next = first(queues)) {
    ordered.push(next.queue.shift() as Waiter);
    next.turn = ++turn;
  }
  return ordered;
}

interface Queue {
  queue: Waiter[];
  bound: number;
  turn: number;
}

function byNamespace(waiters: Iterable<Waiter>): Map<string, Waiter[]> {
  const queues = new Map<string, Waiter[]>();
  for (const waiter of waiters)
    queues.set(waiter.namespace, [...(queues.get(waiter.namespace) ?? []), waiter]);
  for (const queue of queues.values())
    queue.sort((a, b) => b.priority - a.priority || a.since - b.since || (a.key < b.key ? -1 : 1));
  return queues;
}

function first(queues: readonly Queue[]): Queue | undefined {
  let best: Queue | undefined;
  for (const one of queues) if (one.queue.length > 0 && (!best || comesBefore(one, best))) best = one;
  return best;
}

function comesBefore(one: Queue, other: Queue): boolean {
  const [a, b] = [one.queue[0], other.queue[0]] as [Waiter, Waiter];
  const byPriority = Math.min(b.priority, other.bound) - Math.min(a.priority, one.bound);
  const order = byPriority || one.turn - other.turn || a.since - b.since;
  return order < 0 || (order === 0 && a.key < b.key);
}

export interface Position {
  place: string;
  /** From 1 on. */
  position: number;
  of: number;
}

const NOBODY: ReadonlyMap<string, number> = new Map();

/** The waiters of one team, by place. */
export class CapacityQueue {
  readonly #bounds: PriorityBounds;
  /** By key: where it would go. */
  readonly #places = new Map<string, readonly string[]>();
  readonly #waiters = new Map<string, Map<string, Waiter>>();
  readonly #turns = new Map<string, Map<string, number>>();
  /** Positions by key, until the queue of the place changes. */
  readonly #order = new Map<string, Map<string, number>>();
  #turn = 0;

  constructor(bounds: PriorityBounds) {
    this.#bounds = bounds;
  }

  wait(waiter: Waiter, places: readonly string[]): void {
    const before = this.#places.get(waiter.key) ?? [];
    for (const place of before) if (!places.includes(place)) this.#remove(place, waiter.key);
    for (const place of places) {
      const waiters = this.#waiters.get(place) ?? new Map<string, Waiter>();
      this.#waiters.set(place, waiters);
      const known = waiters.get(waiter.key);
      if (known && known.priority === waiter.priority && known.since === waiter.since) continue;
      waiters.set(waiter.key, waiter);
      this.#order.delete(place);
    }
    if (places.length > 0) this.#places.set(waiter.key, places);
    else this.#places.delete(waiter.key);
  }

  /** It waits no more: it goes for its hardware, or is not to have any now. */
  leave(key: string): void {
    for (const place of this.#places.get(key) ?? []) this.#remove(place, key);
    this.#places.delete(key);
  }

  /** An object of the namespace goes there: the turn is over. */
  go(place: string, namespace: string): void {
    // NamespaceTurns are of no account where nobody waits.
    if (!this.#waiters.has(place)) return;
    const turns = this.#turns.get(place) ?? new Map<string, number>();
    this.#turns.set(place, turns.set(namespace, ++this.#turn));
    this.#order.delete(place);
  }

  /**
   * An object of the namespace went there at this wall clock time, in milliseconds, before this process had the queue. What
   * came before all that wait is of a queue that is over.
   */
  recallTurn(place: string, namespace: string, at: number): void {
    const waiters = this.#waiters.get(place);
    if (!waiters || at < Math.min(...Array.from(waiters.values(), ({ since }) => since))) return;
    const turns = this.#turns.get(place) ?? new Map<string, number>();
    this.#turns.set(place, turns.set(namespace, Math.max(turns.get(namespace) ?? 0, at)));
    this.#turn = Math.max(this.#turn, at);
    this.#order.delete(place);
  }

  /** Whether others come before it there; one that does not wait yet is taken for one that does. */
  isBehind(place: string, waiter: Waiter): boolean {
    const waiters = this.#waiters.get(place);
    if (!waiters || waiters.size === 0) return false;
    if (waiters.has(waiter.key)) return this.#positions(place).get(waiter.key) !== 1;
    const [next] = inOrder([...waiters.values(), waiter], this.#turnsOf(place), this.#bounds);
    return next?.key !== waiter.key;
  }

  /** The next one there. */
  head(place: string): string | undefined {
    const [[key] = []] = this.#positions(place);
    return key;
  }

  /** The best of its places; undefined where it does not wait. */
  position(key: string): Position | undefined {
    const positions = (this.#places.get(key) ?? []).map((place) => ({
      place,
      position: this.#positions(place).get(key) ?? 0,
      of: this.#waiters.get(place)?.size ?? 0,
    }));
    return positions.toSorted((a, b) => a.position - b.position || a.of - b.of)[0];
  }

  #positions(place: string): ReadonlyMap<string, number> {
    const known = this.#order.get(place);
    if (known) return known;
    const waiters = this.#waiters.get(place);
    // Places are named by users: nothing is kept of one that nobody waits for.
    if (!waiters) return NOBODY;
    const ordered = inOrder(waiters.values(), this.#turnsOf(place), this.#bounds);
    const positions = new Map(ordered.map(({ key }, index) => [key, index + 1]));
    this.#order.set(place, positions);
    return positions;
  }

  #turnsOf(place: string): NamespaceTurns {
    return this.#turns.get(place) ?? new Map();
  }

  #remove(place: string, key: string): void {
    const waiters = this.#waiters.get(place);
    waiters?.delete(key);
    this.#order.delete(place);
    if (waiters?.size !== 0) return;
    this.#waiters.delete(place);
    this.#turns.delete(place);
  }
}
