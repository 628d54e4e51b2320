import { describe, expect, it } from "vitest";
import type { RateReading } from "../../cost-meter.ts";
import type { MachineEvent } from "../api.ts";
import { type CostEvidence, machineCost } from "./cost.ts";
import { costKey } from "./evidence.ts";
import type { Look, MachineCost } from "./facts.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const T0 = Date.UTC(2026, 0, 1);
const READING: RateReading = {
  currency: "USD",
  usagePeriod: "hour",
  storagePeriod: "hour",
  isConfirmed: true,
  incrementMs: 0,
};
const RATES = { machineType: "A4000", usageRate: 1, storageRate: 0.1 };
const iso = (minutes: number) => new Date(T0 + minutes * MINUTE).toISOString();

/** Minutes after T0. */
function event(name: string, from: number, to: number, over: Partial<MachineEvent> = {}): MachineEvent {
  return {
    id: `${name}-${from}`,
    name,
    state: "done",
    machineId: "ps1",
    error: null,
    dtCreated: iso(from),
    dtFinished: iso(to),
    ...over,
  };
}

const look = (
  minutes: number,
  power?: "Running" | "Stopped",
  rates: Partial<typeof RATES> = RATES,
): Look => ({
  at: T0 + minutes * MINUTE,
  ...(power && { power }),
  rates,
  isAddressUnpriced: false,
  createdAt: T0,
});

/** A machine that this object made at T0, and that is on since minute 2. */
const ON: MachineCost = {
  currency: "USD",
  rate: 1_100_000,
  settled: 0,
  unknown: 0,
  since: iso(2),
  meter: { machineId: "ps1", power: "Running", eventsThrough: iso(2), ...RATES },
};
const OFF: MachineCost = { ...ON, rate: 100_000, meter: { ...ON.meter, power: "Stopped" } };

function cost(before: MachineCost | undefined, now: number, over: Partial<CostEvidence> = {}) {
  const evidence: CostEvidence = {
    machineId: "ps1",
    isOwn: true,
    isGone: false,
    history: [],
    now: T0 + now * MINUTE,
    reading: READING,
    wholeSince: T0,
    neededSince: T0,
    ...over,
  };
  const after = machineCost(before, evidence);
  // What is written is not written again.
  expect(machineCost(after, evidence)).toEqual(after);
  if (!after) throw new Error("there is no cost");
  return after;
}

describe("what a machine has cost", () => {
  it("stays as it is while nothing happens, so that rest costs no write", () => {
    expect(cost(ON, 600, { look: look(600, "Running") })).toEqual(ON);
  });

  it("counts from creation on, off until the start has ended; what the start took is unknown", () => {
    const history = [event("start", 1, 2), event("create", 0, 1)];
    expect(cost(undefined, 5, { look: look(5, "Running"), history })).toMatchObject({
      settled: Math.floor((0.1 * 1e6 * 2) / 60),
      unknown: Math.ceil(1e6 / 60),
      since: iso(2),
      rate: 1_100_000,
    });
  });

  it("is on until a stop began, and what the stop took is unknown", () => {
    const after = cost(ON, 70, { look: look(70, "Stopped"), history: [event("stop", 62, 63)] });
    expect(after).toMatchObject({
      settled: 1_101_666,
      since: iso(63),
      rate: 100_000,
      meter: { power: "Stopped" },
    });
    expect(after.unknown).toBe(Math.ceil(1e6 / 60) + 1);
  });

  it("waits for events that were not read yet, and counts all that happened while nobody looked", () => {
    const history = [event("stop", 182, 183), event("start", 121, 122), event("stop", 62, 62.5)];
    expect(cost(ON, 300, { look: look(300, "Stopped"), history, wholeSince: undefined })).toEqual(ON);
    const after = cost(ON, 300, { look: look(300, "Stopped"), history });
    const fixed = (0.1 * 181) / 60;
    expect(after.settled).toBe(Math.floor((1 + 1 + fixed) * 1e6));
    expect(after.unknown).toBeLessThan((2.6 / 60) * 1e6);
  });

  it("takes a stop that took no time for being off before, since no machine stops so: it was on until nobody knows when", () => {
    const history = [event("stop", 62, 62)];
    const evidence = { look: look(70, "Stopped"), history, agreedAt: T0 + 32 * MINUTE };
    expect(cost(ON, 63, { ...evidence, look: look(63, "Stopped") })).toEqual(ON);
    expect(cost(ON, 70, evidence)).toMatchObject({ settled: 600_000, unknown: 500_000, since: iso(62) });
  });

  it("takes a restart of what it believes to be off for having been on, since nobody knows when", () => {
    const history = [event("restart", 62, 63)];
    const evidence = { look: look(70, "Running"), history, agreedAt: T0 + 32 * MINUTE };
    const after = cost(OFF, 70, evidence);
    expect(after).toMatchObject({ meter: { power: "Running" }, since: iso(63) });
    expect(after.settled).toBe(Math.floor((0.1e6 * 61) / 60));
    expect(after.unknown).toBeGreaterThanOrEqual((1e6 * 31) / 60);
  });

  it("takes no start for being on that left the machine off, since it found no hardware", () => {
    const history = [event("start", 62, 63)];
    const after = cost(OFF, 70, { look: look(65, "Stopped"), history });
    expect(after).toMatchObject({ rate: 100_000, meter: { power: "Stopped" } });
    expect(after.unknown).toBe(Math.ceil((3e6 * 1) / 60));
  });

  it("rounds a session by what the user says, as unknown", () => {
    const reading = { ...READING, incrementMs: HOUR };
    const history = [event("start", 62, 62.5)];
    expect(cost(OFF, 70, { look: look(70, "Running"), history, reading }).unknown).toBeGreaterThan(1e6);
  });

  it("asks two looks about power that changed without an event, and what lies between is unknown", () => {
    const seen = { look: look(62, "Stopped"), agreedAt: T0 + 32 * MINUTE };
    expect(cost(ON, 62, seen)).toEqual(ON);
    const after = cost(ON, 72, {
      ...seen,
      look: look(72, "Stopped"),
      disagreed: { at: T0 + 62 * MINUTE, with: costKey(ON) },
    });
    expect(after).toMatchObject({ since: iso(62), meter: { power: "Stopped" } });
    expect(after.settled).toBe(550_000 + 50_000);
    expect(after.unknown).toBe(500_000);
  });

  it("knows that it was otherwise in between, where a look was odd and the next one is not", () => {
    const disagreed = { at: T0 + 62 * MINUTE, with: costKey(ON) };
    const after = cost(ON, 72, { look: look(72, "Running"), agreedAt: T0 + 32 * MINUTE, disagreed });
    expect(after).toMatchObject({ since: iso(72), meter: { power: "Running" } });
    expect(after.unknown).toBeGreaterThanOrEqual(666_666);
  });

  it("knows nothing of the time whose events Paperspace has no more, and says so", () => {
    const after = cost(ON, 300, { look: look(300, "Running"), wholeSince: T0 + 122 * MINUTE });
    expect(after.settled).toBe(200_000);
    expect(after).toMatchObject({ unknown: 2_000_000, caveats: ["HistoryLost"], since: iso(122) });
  });

  it("counts a new price from the last look that had the old one, and the difference as unknown", () => {
    const agreedAt = T0 + 32 * MINUTE;
    const after = cost(ON, 62, { look: look(62, "Running", { ...RATES, usageRate: 3 }), agreedAt });
    expect(after).toMatchObject({ settled: 1_100_000, unknown: 1_000_000, rate: 3_100_000, since: iso(62) });
  });

  it("counts the new rates of an upgrade from its event on, once a look has shown them", () => {
    const upgraded = { machineType: "A6000", usageRate: 2, storageRate: 0.2 };
    const history = [event("start", 122, 123), event("vm-upgrade", 62, 63), event("stop", 32, 33)];
    expect(cost(ON, 63, { look: look(61, "Stopped"), history: history.slice(1) })).toMatchObject({
      since: iso(33),
      meter: { usageRate: 1 },
    });
    const after = cost(ON, 130, { look: look(130, "Running", upgraded), history });
    expect(after).toMatchObject({ rate: 2_200_000, since: iso(123) });
    expect(after.settled).toBe(Math.floor(0.5e6 + (0.1e6 * 61) / 60 + (0.2e6 * 60) / 60));
  });

  it("ends with the deletion, and goes on with the machine that is made instead", () => {
    const gone = cost(ON, 130, { isGone: true, history: [event("deactivate", 62, 63)] });
    expect(gone).toMatchObject({ rate: 0, settled: 1_100_000, meter: { power: "Gone" } });
    const other = { ...look(200), createdAt: T0 + 190 * MINUTE };
    const next = cost(gone, 200, { machineId: "ps2", look: other, wholeSince: undefined });
    expect(next).toMatchObject({
      settled: 1_100_000,
      since: iso(190),
      rate: 100_000,
      meter: { machineId: "ps2" },
    });
  });

  it("counts another's machine from the first look on", () => {
    const after = cost(undefined, 600, { isOwn: false, look: look(600, "Running") });
    expect(after).toMatchObject({ settled: 0, unknown: 0, since: iso(600), rate: 1_100_000 });
  });

  it("says that its rates are assumed, where the operator was not given them", () => {
    const reading = { ...READING, currency: undefined, isConfirmed: false };
    const after = cost(ON, 600, { look: look(600, "Running"), reading });
    expect(after.caveats).toEqual(["RatesUnconfirmed"]);
    expect(after).not.toHaveProperty("currency");
  });

  it("says that it does not count a static address without a price, and counts one that has one", () => {
    const unpriced = cost(ON, 60, { look: { ...look(60, "Running"), isAddressUnpriced: true } });
    expect(unpriced.caveats).toEqual(["AddressUnpriced"]);
    const rates = { ...RATES, addressRate: 0.5 };
    expect(cost(ON, 60, { look: { ...look(60, "Running"), rates } }).rate).toBe(1_600_000);
  });

  it("takes no absurd rate for one, so that no figure breaks the status", () => {
    const after = cost(undefined, 5, { look: look(5, "Running", {}), history: [event("start", 1, 2)] });
    expect(after).toMatchObject({ rate: 0, caveats: ["RateUnknown"] });
  });
});
