import { expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { AttemptAges } from "./attempt-ages.ts";

it("knows an attempt since it was first seen here, whatever the wall clock does, and each of a name anew", async () => {
  const clock = new VirtualClock();
  const ages = new AttemptAges(clock);
  const first = { name: "project/web", time: "2026-06-01T00:00:00Z" };
  expect(ages.knownSince("ns/web", first)).toBe(0);
  await clock.advance(1_000);
  clock.stepWallClock(3_600_000);
  expect(ages.knownSince("ns/web", first)).toBe(0);
  // The name of a deployment is the same in each attempt.
  expect(ages.knownSince("ns/web", { ...first, time: "2026-06-01T00:10:00Z" })).toBe(1_000);
  ages.forget("ns/web");
  await clock.advance(1_000);
  expect(ages.knownSince("ns/web", first)).toBe(2_000);
});
