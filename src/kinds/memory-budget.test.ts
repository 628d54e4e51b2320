import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, it } from "vitest";
import { heapBytes, MemoryBudget } from "./memory-budget.ts";

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

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes that so many of it take, read from JSON. */
function taken(json: string, count: number): number {
  collect();
  const before = process.memoryUsage().heapUsed;
  const all = Array.from({ length: count }, () => JSON.parse(json) as unknown);
  collect();
  const after = process.memoryUsage().heapUsed;
  expect(all).toHaveLength(count);
  return after - before;
}

const numbers = (length: number) => Array.from({ length }, (_, i) => i);
const fields = (length: number, value: unknown) =>
  Object.fromEntries(numbers(length).map((i) => [`F${i}`, value]));

it.each([
  ["objects without content", numbers(2_000).map(() => ({})), 40],
  ["objects of one field", numbers(2_000).map((i) => ({ name: i })), 40],
  ["an object of many fields", fields(5_000, 1), 40],
  ["an object of many short texts", fields(5_000, "x"), 40],
  ["variables", numbers(2_000).map((i) => ({ name: `NAME_${i}`, value: `value ${i}` })), 20],
  ["texts of one character", numbers(5_000).map(() => "x"), 40],
  ["long texts", numbers(40).map((i) => `${i}`.padEnd(8_192, "x")), 40],
  ["long texts that are not Latin", numbers(40).map((i) => `${i}`.padEnd(8_192, "日")), 20],
  ["arrays in arrays", numbers(2_000).map(() => [[]]), 40],
])(
  "counts for %s at least what they take, and no ten times as much: else few of them would fill the memory",
  (_what, value, count) => {
    const counted = heapBytes(value) * count;
    const bytes = taken(JSON.stringify(value), count);
    expect(counted).toBeGreaterThan(bytes * 0.9);
    expect(counted).toBeLessThan(bytes * 10);
  },
);
