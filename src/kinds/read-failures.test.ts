import { expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { ReadFailures } from "./read-failures.ts";

it("delays each item by its own failures, twice as long each time up to five minutes, and not at the user's request", async () => {
  const clock = new VirtualClock();
  const failures = new ReadFailures(clock);
  const waits = Array.from({ length: 10 }, (_, n) => {
    failures.add("broken", new Error(`failure ${n}`));
    return failures.retryInMs("broken") / 1_000;
  });
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
  expect(failures.errorOf("broken")).toEqual(new Error("failure 9"));
  expect([failures.retryInMs("other"), failures.errorOf("other")]).toEqual([0, undefined]);
  failures.endBackoff("broken");
  expect(failures.retryInMs("broken")).toBe(0);
  failures.add("broken", new Error("again"));
  expect(failures.retryInMs("broken")).toBe(300_000);
  failures.delete("broken");
  expect(failures.errorOf("broken")).toBeUndefined();
});
