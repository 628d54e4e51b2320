import { expect, test } from "vitest";
import { memoized, memoizedByObject } from "./memoized.ts";

test("what is asked again is not computed again, and no more than so many results are kept", () => {
  const computed: number[] = [];
  const double = memoized((n: number) => {
    computed.push(n);
    return 2 * n;
  }, 2);
  expect([1, 2, 1, 2, 1].map(double)).toEqual([2, 4, 2, 4, 2]);
  expect(computed).toEqual([1, 2]);
  expect([3, 1].map(double)).toEqual([6, 2]);
  expect(computed).toEqual([1, 2, 3, 1]);
});

test("what is computed of an object is computed once, also where it is undefined, and of an equal one anew", () => {
  const computed: object[] = [];
  const first = memoizedByObject((list: readonly number[]) => {
    computed.push(list);
    return list[0];
  });
  const [one, none] = [[1], []];
  expect([one, none, one, none, [1]].map(first)).toEqual([1, undefined, 1, undefined, 1]);
  expect(computed).toEqual([[1], [], [1]]);
});
