import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heap } from "./heap.ts";
import { goesBefore, type TurnItem, Turns } from "./turns.ts";

function queue() {
  const turns = new Turns();
  const heap = new Heap<TurnItem>(goesBefore);
  return {
    push(group: string, priority = 0): TurnItem {
      const item: TurnItem = { group, priority, turn: 0, arrival: 0, slot: -1 };
      turns.enter(item);
      heap.push(item);
      return item;
    },
    pop(): string | undefined {
      const item = heap.pop();
      if (item) turns.served(item);
      return item?.group;
    },
    remove(item: TurnItem): void {
      heap.remove(item);
      turns.withdrawn(item);
    },
  };
}

describe("turns", () => {
  it("go around the groups, however many items each has, and in order of arrival within a round", () => {
    const { push, pop } = queue();
    for (let i = 0; i < 5; i++) push("a");
    for (let i = 0; i < 2; i++) push("b");
    push("c");
    expect(Array.from({ length: 8 }, pop)).toEqual(["a", "b", "c", "a", "b", "a", "a", "a"]);
  });

  it("come at once to a group that has waited for nothing, and a higher priority goes before them", () => {
    const { push, pop } = queue();
    for (let i = 0; i < 100; i++) push("many");
    for (let i = 0; i < 50; i++) pop();
    push("new");
    push("urgent", 1);
    expect([pop(), pop(), pop()].sort()).toEqual(["many", "new", "urgent"]);
  });

  it("do not starve the others where one group comes again right after each turn", () => {
    const { push, pop } = queue();
    for (let i = 0; i < 3; i++) push("patient");
    push("eager");
    const order: (string | undefined)[] = [];
    for (let i = 0; i < 6; i++) {
      const group = pop();
      order.push(group);
      if (group === "eager") push("eager");
    }
    expect(order.filter((group) => group === "patient")).toHaveLength(3);
  });

  it("are at most one behind for a group whose items were withdrawn", () => {
    const { push, pop, remove } = queue();
    const gone = Array.from({ length: 100 }, () => push("a"));
    for (let i = 0; i < 10; i++) push("b");
    for (const item of gone) remove(item);
    push("a");
    expect([pop(), pop(), pop()]).toContain("a");
  });

  it("let no group wait for more than one item of each other group, for any arrivals", () => {
    const groups = ["a", "b", "c"];
    const arrivals = fc.array(fc.oneof(fc.constantFrom(...groups), fc.constant("pop")), { maxLength: 200 });
    fc.assert(
      fc.property(arrivals, (events) => {
        const { push, pop } = queue();
        const waiting = new Map(groups.map((group) => [group, 0]));
        /** By group that waits: how often each other one had a turn since its own last. */
        const passed = new Map(groups.map((group) => [group, new Map<string, number>()]));
        for (const event of [...events, ...events.map(() => "pop")]) {
          if (event !== "pop") {
            if (waiting.get(event) === 0) passed.get(event)?.clear();
            waiting.set(event, (waiting.get(event) ?? 0) + 1);
            push(event);
            continue;
          }
          const group = pop();
          if (group === undefined) continue;
          waiting.set(group, (waiting.get(group) ?? 0) - 1);
          passed.get(group)?.clear();
          for (const other of groups) {
            if (other === group || !waiting.get(other)) continue;
            const count = (passed.get(other)?.get(group) ?? 0) + 1;
            passed.get(other)?.set(group, count);
            expect(count).toBeLessThanOrEqual(2);
          }
        }
      }),
    );
  });
});
