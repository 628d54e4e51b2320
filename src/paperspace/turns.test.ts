import { expect, it } from "vitest";
import { ReadTurns } from "./turns.ts";

/** Runs a turn at a time, by hand. */
class Turns {
  readonly #next: (() => void)[] = [];
  readonly nextTurn = (fn: () => void) => void this.#next.push(fn);

  get pending(): number {
    return this.#next.length;
  }

  run(): void {
    for (const fn of this.#next.splice(0)) fn();
  }
}

const KIB = 1024;

it("what waits goes on in its order, in each turn as much as fits, and no turn is asked for once all is read", () => {
  const clock = new Turns();
  const turns = new ReadTurns();
  const read: string[] = [];
  expect(turns.spend(clock, 200 * KIB)).toBe(true);
  expect(turns.spend(clock, 100 * KIB)).toBe(false);
  for (const name of ["a", "b", "c"])
    turns.later(clock, () => {
      read.push(name);
      turns.spend(clock, 150 * KIB);
    });
  expect(read).toEqual([]);
  clock.run();
  expect(read).toEqual(["a", "b"]);
  clock.run();
  expect(read).toEqual(["a", "b", "c"]);
  clock.run();
  expect(clock.pending).toBe(0);
});

it("a turn begins anew with all of its bytes, also where nothing waited", () => {
  const clock = new Turns();
  const turns = new ReadTurns();
  for (let turn = 0; turn < 3; turn++) {
    expect(turns.spend(clock, 200 * KIB)).toBe(true);
    clock.run();
  }
});
