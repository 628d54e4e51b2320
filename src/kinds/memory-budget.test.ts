import fc from "fast-check";
import { expect, it } from "vitest";
import { MemoryBudget } from "./memory-budget.ts";

const MOST = 100;

function setUp() {
  const budget = new MemoryBudget(MOST);
  /** Names of what is held, in the order in which it came. */
  const held = new Map<string, object>();
  const hold = (name: string, size: number, group = "ns") => {
    const entry = held.get(name) ?? {};
    held.set(name, entry);
    budget.hold(entry, { group, size, drop: () => held.delete(name) });
  };
  const touch = (name: string) => budget.touch(held.get(name) ?? {});
  const release = (name: string) => {
    budget.release(held.get(name) ?? {});
    held.delete(name);
  };
  return { budget, held, hold, touch, release };
}

it("drops what was used least recently of the namespace that holds most: a small one pays for no large one", () => {
  const { held, hold, touch } = setUp();
  hold("small", 10, "other");
  for (const name of ["a", "b", "c"]) hold(name, 30);
  touch("a");
  hold("d", 30);
  expect([...held.keys()]).toEqual(["small", "a", "c", "d"]);
});

it("keeps what came last, however large: what is dropped before a pass has used it would be read without end", () => {
  const { held, hold } = setUp();
  hold("a", 10);
  hold("b", 2 * MOST);
  expect([...held.keys()]).toEqual(["b"]);
});

it("counts an entry as it is now, and one that was released not at all: what is not counted back ends the room of all", () => {
  const { budget, hold, release } = setUp();
  hold("a", 50);
  hold("a", 20);
  expect(budget.size).toBe(20);
  release("a");
  release("a");
  expect(budget.size).toBe(0);
});

it("never holds more than the budget, or what came last alone, whatever is held, used and released", () => {
  const name = fc.constantFrom("a", "b", "c", "d", "e");
  const step = fc.record({
    name,
    size: fc.integer({ min: 1, max: 2 * MOST }),
    of: fc.constantFrom("ns", "other"),
    act: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const { budget, held, hold, touch, release } = setUp();
      const sizes = new Map<string, number>();
      for (const { name, size, of, act } of steps) {
        if (act === 0) touch(name);
        else if (act === 1) release(name);
        else {
          sizes.set(name, size);
          hold(name, size, of);
          expect(budget.size).toBeLessThanOrEqual(Math.max(MOST, size));
          expect(held.has(name)).toBe(true);
        }
        expect(budget.size).toBe([...held.keys()].reduce((sum, each) => sum + (sizes.get(each) ?? 0), 0));
      }
    }),
  );
});
