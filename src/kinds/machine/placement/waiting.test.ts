import { expect, it } from "vitest";
import { toTime } from "../../../kube/objects.ts";
import { inOrder } from "./queue.ts";
import { waiterOf } from "./waiting.ts";

it("stands in the queue from the first on where its status will have it: who is stored first must not pass the others", () => {
  const start = Date.UTC(2026, 0, 31, 8, 0, 0);
  const [a, b] = [waiterOf("a/first", {}, {}, start + 300), waiterOf("b/second", {}, {}, start + 700)];
  const stored = waiterOf("b/second", {}, { capacity: { waitingSince: toTime(start + 700) } }, start + 900);
  expect(stored).toEqual(b);
  expect(inOrder([a, stored], new Map(), {})[0]).toBe(a);
});
