import { expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { EarliestTimer } from "./earliest-timer.ts";

it("fires once, at the earliest time of those who asked, and again for who asks after that", async () => {
  const clock = new VirtualClock();
  const fired: number[] = [];
  const timer = new EarliestTimer(clock, () => fired.push(clock.monotonic()));
  const from = clock.monotonic();
  for (const ms of [500, 200, 900]) timer.within(ms);
  await clock.advance(1_000);
  timer.within(100);
  await clock.advance(1_000);
  timer.within(100);
  timer.cancel();
  await clock.advance(1_000);
  expect(fired.map((at) => at - from)).toEqual([200, 1_100]);
});
