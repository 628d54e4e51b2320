/** The calls that wait in one lane of a throttle: by priority, and fairly by group within one. For p-queue. */
import type { Queue, QueueAddOptions } from "p-queue";
import { Heap } from "../base/heap.ts";
import { goesBefore, type TurnItem, Turns } from "../base/turns.ts";

export interface LaneOptions extends QueueAddOptions {
  /** Groups take turns. */
  readonly group?: string;
}

type Run = () => Promise<unknown>;

interface Waiting extends TurnItem {
  readonly run: Run;
  readonly id: string;
}

export class LaneQueue implements Queue<Run, LaneOptions> {
  readonly #turns = new Turns();
  readonly #heap = new Heap<Waiting>(goesBefore);
  /** By the ids that p-queue gives. */
  readonly #items = new Map<string, Waiting>();

  get size(): number {
    return this.#heap.size;
  }

  enqueue(run: Run, { id = "", priority = 0, group = "" }: Partial<LaneOptions> = {}): void {
    this.#push({ run, id, group, priority, turn: 0, arrival: 0, slot: -1 });
  }

  dequeue(): Run | undefined {
    const item = this.#heap.pop();
    if (!item) return undefined;
    this.#items.delete(item.id);
    this.#turns.served(item);
    return item.run;
  }

  remove(id: string): void {
    this.#withdraw(id);
  }

  setPriority(id: string, priority: number): void {
    const item = this.#withdraw(id);
    if (!item) throw new ReferenceError(`no call has the id "${id}"`);
    this.#push({ ...item, priority });
  }

  filter({ priority }: Readonly<Partial<LaneOptions>>): Run[] {
    return [...this.#items.values()].filter((item) => item.priority === priority).map(({ run }) => run);
  }

  #push(item: Waiting): void {
    this.#turns.enter(item);
    this.#heap.push(item);
    this.#items.set(item.id, item);
  }

  #withdraw(id: string): Waiting | undefined {
    const item = this.#items.get(id);
    if (!item) return undefined;
    this.#items.delete(id);
    this.#heap.remove(item);
    this.#turns.withdrawn(item);
    return item;
  }
}
