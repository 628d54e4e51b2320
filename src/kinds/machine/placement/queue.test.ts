import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CapacityQueue, inOrder, type PriorityBounds, type Waiter } from "./queue.ts";

const waiter = (key: string, since: number, priority = 0): Waiter => ({
  key,
  namespace: key.split("/")[0] ?? "",
  priority,
  since,
});
const order = (waiters: readonly Waiter[], turns = new Map<string, number>(), bounds: PriorityBounds = {}) =>
  inOrder(waiters, turns, bounds).map(({ key }) => key);

describe("the order of the queue", () => {
  it("lets namespaces take turns, so that one with many objects delays the others by one turn each", () => {
    const many = [1, 2, 3].map((n) => waiter(`big/${n}`, n));
    expect(order([...many, waiter("small/1", 9)])).toEqual(["big/1", "small/1", "big/2", "big/3"]);
  });

  it("goes by priority and then by age within a namespace", () => {
    expect(order([waiter("a/old", 1), waiter("a/urgent", 5, 10), waiter("a/young", 3)])).toEqual([
      "a/urgent",
      "a/old",
      "a/young",
    ]);
  });

  it("does not let a namespace come before others by what it writes itself", () => {
    const all = [waiter("a/1", 1), waiter("b/loud", 2, 1_000_000)];
    expect(order(all)).toEqual(["a/1", "b/loud"]);
    expect(order(all, new Map(), { b: 10 })).toEqual(["b/loud", "a/1"]);
  });

  it("lets a priority between namespaces count up to the bound of the namespace only", () => {
    const all = [waiter("a/1", 1, 50), waiter("b/loud", 2, 1_000)];
    expect(order(all, new Map(), { a: 50, b: 10 })).toEqual(["a/1", "b/loud"]);
  });

  it("begins with the namespace whose last turn is the longest ago, however long others have waited", () => {
    const all = [waiter("a/1", 1), waiter("b/1", 2)];
    expect(
      order(
        all,
        new Map([
          ["a", 3],
          ["b", 1],
        ]),
      ),
    ).toEqual(["b/1", "a/1"]);
  });

  it("has everybody in it once, and none of equal priority waits longer than all other namespaces take a turn", () => {
    const anyWaiter = fc.record({
      namespace: fc.constantFrom("a", "b", "c"),
      priority: fc.integer({ min: 0, max: 3 }),
      since: fc.nat(20),
    });
    fc.assert(
      fc.property(fc.array(anyWaiter, { maxLength: 20 }), (drawn) => {
        const waiters = drawn.map((one, index) => ({ ...one, key: `${one.namespace}/${index}` }));
        const ordered = inOrder(waiters, new Map(), {});
        expect(ordered.map(({ key }) => key).toSorted()).toEqual(waiters.map(({ key }) => key).toSorted());
        const namespaces = [...new Set(waiters.map(({ namespace }) => namespace))];
        // In the first round each namespace has its turn.
        const round = ordered.slice(0, namespaces.length).map(({ namespace }) => namespace);
        expect(round.toSorted()).toEqual(namespaces.toSorted());
      }),
    );
  });
});

describe("the queue", () => {
  it("skips who has left, and says how far back everybody is", () => {
    const queue = new CapacityQueue({});
    for (const one of [waiter("a/1", 1), waiter("a/2", 2), waiter("b/1", 3)]) queue.wait(one, ["p"]);
    expect(queue.head("p")).toBe("a/1");
    expect(queue.position("a/2")).toEqual({ place: "p", position: 3, of: 3 });
    queue.leave("a/1");
    expect(queue.head("p")).toBe("a/2");
    expect(queue.position("a/1")).toBeUndefined();
  });

  it("ends the turn of a namespace when one of its objects goes, so that the next one is of another", () => {
    const queue = new CapacityQueue({});
    for (const one of [waiter("a/1", 1), waiter("a/2", 2), waiter("b/1", 3)]) queue.wait(one, ["p"]);
    queue.go("p", "a");
    queue.leave("a/1");
    expect(queue.head("p")).toBe("b/1");
  });

  it("goes on with the turns that came before a restart, but for those of a time when nobody waited yet", () => {
    const queue = new CapacityQueue({});
    for (const one of [waiter("a/1", 10), waiter("b/1", 11), waiter("c/1", 12)]) queue.wait(one, ["p"]);
    queue.recallTurn("p", "a", 20);
    queue.recallTurn("p", "b", 15);
    queue.recallTurn("p", "a", 12);
    queue.recallTurn("p", "c", 5);
    queue.recallTurn("q", "c", 30);
    expect(["c/1", "b/1", "a/1"].map((key) => queue.position(key)?.position)).toEqual([1, 2, 3]);
    queue.go("p", "c");
    queue.leave("c/1");
    queue.wait(waiter("c/2", 21), ["p"]);
    expect(["b/1", "a/1", "c/2"].map((key) => queue.position(key)?.position)).toEqual([1, 2, 3]);
  });

  it("does not let a newcomer pass those who wait, nor keeps it where nobody does", () => {
    const queue = new CapacityQueue({});
    const late = waiter("a/late", 9);
    expect(queue.isBehind("p", late)).toBe(false);
    queue.wait(waiter("a/1", 1), ["p"]);
    expect(queue.isBehind("p", late)).toBe(true);
    expect(queue.isBehind("p", waiter("a/urgent", 9, 5))).toBe(false);
  });

  it("forgets the places that nobody waits for", () => {
    const queue = new CapacityQueue({});
    queue.wait(waiter("a/1", 1), ["p", "q"]);
    queue.wait(waiter("a/1", 1), ["q"]);
    expect(queue.head("p")).toBeUndefined();
    expect(queue.position("a/1")).toEqual({ place: "q", position: 1, of: 1 });
  });
});
