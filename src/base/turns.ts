/**
 * Turns of the groups that share one queue: each group has one item in a round, however many it has waiting. Start-time
 * fair queueing where every item costs the same; the queue itself is a heap in the order of `goesBefore`.
 */
import type { HeapItem } from "./heap.ts";

export interface TurnItem extends HeapItem {
  readonly group: string;
  /** A higher number goes first, whatever the groups. */
  priority: number;
  /** The round that it goes in. Only `Turns` writes it. */
  turn: number;
  /** Order of arrival. Only `Turns` writes it. */
  arrival: number;
}

interface Group {
  /** The round of its next item. */
  next: number;
  waiting: number;
}

/** The groups that wait with one priority. */
interface Level {
  /** The round that is under way. */
  round: number;
  readonly groups: Map<string, Group>;
}

/** So many groups are kept without a look at which of them wait. */
const FEW_GROUPS = 64;

export function goesBefore(a: TurnItem, b: TurnItem): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  return a.turn === b.turn ? a.arrival < b.arrival : a.turn < b.turn;
}

export class Turns {
  readonly #levels = new Map<number, Level>();
  #arrivals = 0;
  #waiting = 0;

  /** Gives the item its turn, before it is put into a queue. */
  enter(item: TurnItem): void {
    const level = this.#levels.get(item.priority) ?? { round: 0, groups: new Map<string, Group>() };
    this.#levels.set(item.priority, level);
    const group = level.groups.get(item.group) ?? { next: level.round, waiting: 0 };
    item.turn = Math.max(level.round, group.next);
    item.arrival = this.#arrivals++;
    level.groups.set(item.group, { next: item.turn + 1, waiting: group.waiting + 1 });
    this.#waiting++;
    if (level.groups.size > FEW_GROUPS) sweep(level, this.#waiting);
  }

  /** The item has left the queue because its turn came. */
  served(item: TurnItem): void {
    const level = this.#levels.get(item.priority);
    if (level) level.round = Math.max(level.round, item.turn);
    this.withdrawn(item);
  }

  /** The item has left the queue without its turn. To be called before its priority changes. */
  withdrawn({ priority, group: name }: TurnItem): void {
    const level = this.#levels.get(priority);
    const group = level?.groups.get(name);
    if (!level || !group) return;
    this.#waiting--;
    group.waiting--;
    // What was withdrawn is not charged: the group is one turn behind the others at most.
    if (group.waiting === 0) group.next = Math.min(group.next, level.round + 1);
    if (this.#waiting === 0) this.#levels.clear();
  }
}

/** A group without items that is not ahead of the round is as one that never was. */
function sweep({ round, groups }: Level, waiting: number): void {
  if (groups.size <= 2 * waiting) return;
  for (const [name, { next, waiting: own }] of groups) if (own === 0 && next <= round) groups.delete(name);
}
