import { expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { Contention, contended } from "./contention.ts";

const MINUTE = 60_000;
const SLOW_MS = 10 * MINUTE;

function setUp() {
  const clock = new VirtualClock();
  const contention = new Contention(clock, SLOW_MS);
  const contested = (fields = ["name"], key = "ns/a") => [...contention.contested(key, fields, 1).keys()];
  return { clock, contention, contested };
}

it("reports contention after five corrections in a row, for that field of that object alone", async () => {
  const { clock, contention, contested } = setUp();
  for (let times = 0; times < 5; times++) {
    expect(contested()).toEqual([]);
    contention.note("ns/a", ["name"], 1);
    await clock.advance(MINUTE);
  }
  expect(contested(["name", "autoShutdown.enabled"])).toEqual(["name"]);
  expect(contested(["name"], "ns/b")).toEqual([]);
  await clock.advance(10 * MINUTE);
  expect(contested()).toEqual([]);
});

it("lets a field be put back ever more rarely, once an hour in the end: a war goes on as long as the other actor does", async () => {
  const { clock, contention, contested } = setUp();
  const at: number[] = [];
  for (let minutes = 0; minutes < 8 * 60; minutes++) {
    if (contested().length === 0) {
      at.push(minutes);
      contention.note("ns/a", ["name"], 1);
    }
    await clock.advance(MINUTE);
  }
  expect(at).toEqual([0, 1, 2, 3, 4, 14, 34, 74, 134, 194, 254, 314, 374, 434]);
});

it("counts what another actor notices slowly as well: else a field would be put back at each resync for ever", async () => {
  const { clock, contention, contested } = setUp();
  for (let times = 0; times < 5; times++) {
    expect(contested()).toEqual([]);
    contention.note("ns/a", ["name"], 1);
    await clock.advance(9 * MINUTE);
  }
  expect(contested()).toEqual(["name"]);
});

it("is no contention when a field is put back now and then, however often in total", async () => {
  const { clock, contention, contested } = setUp();
  for (let times = 0; times < 50; times++) {
    expect(contested()).toEqual([]);
    contention.note("ns/a", ["name"], 1);
    await clock.advance(61 * MINUTE);
  }
});

it("is over once a correction has held for an hour", async () => {
  const { clock, contention, contested } = setUp();
  for (let times = 0; times < 6; times++) contention.note("ns/a", ["name"], 1);
  expect([...contention.contested("ns/a", ["name"], 1)]).toEqual([["name", 20 * MINUTE]]);
  await clock.advance(20 * MINUTE + 60 * MINUTE + 1);
  for (let times = 0; times < 5; times++) {
    expect(contested()).toEqual([]);
    contention.note("ns/a", ["name"], 1);
  }
  expect(contested()).toEqual(["name"]);
});

it("is no contention when the user changes the spec again and again", () => {
  const { contention } = setUp();
  for (let generation = 1; generation < 50; generation++) {
    expect(contention.contested("ns/a", ["name"], generation).size).toBe(0);
    contention.note("ns/a", ["name"], generation);
  }
});

it("is reported with its fields, in words that do not change, and compared at the slow pace at the latest", () => {
  const outcome = contended(
    new Map([
      ["name", 60 * MINUTE],
      ["powerState", 40 * MINUTE],
    ]),
    SLOW_MS,
  );
  expect(outcome).toMatchObject({ kind: "Terminal", reason: "Contended", recheckMs: SLOW_MS });
  expect(outcome).toMatchObject({ message: expect.stringContaining("name, powerState") });
  expect(contended(new Map([["name", MINUTE]]), SLOW_MS)).toMatchObject({ recheckMs: MINUTE });
});
