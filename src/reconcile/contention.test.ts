import { expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { Contention } from "./contention.ts";

it("reports contention after five corrections in ten minutes, for that field of that object alone", async () => {
  const clock = new VirtualClock();
  const contention = new Contention(clock);
  for (let times = 0; times < 5; times++) {
    expect(contention.contested("ns/a", ["name"], 1)).toEqual([]);
    contention.note("ns/a", ["name"], 1);
    await clock.advance(60_000);
  }
  expect(contention.contested("ns/a", ["name", "autoShutdown.enabled"], 1)).toEqual(["name"]);
  expect(contention.contested("ns/b", ["name"], 1)).toEqual([]);
  await clock.advance(10 * 60_000);
  expect(contention.contested("ns/a", ["name"], 1)).toEqual([]);
});

it("is no contention when a field is put back now and then, however often in total", async () => {
  const clock = new VirtualClock();
  const contention = new Contention(clock);
  for (let times = 0; times < 50; times++) {
    expect(contention.contested("ns/a", ["name"], 1)).toEqual([]);
    contention.note("ns/a", ["name"], 1);
    await clock.advance(3 * 60_000);
  }
});

it("is no contention when the user changes the spec again and again", () => {
  const contention = new Contention(new VirtualClock());
  for (let generation = 1; generation < 50; generation++) {
    expect(contention.contested("ns/a", ["name"], generation)).toEqual([]);
    contention.note("ns/a", ["name"], generation);
  }
});
