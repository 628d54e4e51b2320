import { describe, expect, it } from "vitest";
import { setUpDeployments } from "../../../test/simulator/deployments.ts";
import { setUp } from "../../../test/simulator/simulation.ts";
import { storageRate } from "./catalogue.ts";
import { type BillingRule, HOUR_MS, MONTH_MS } from "./ledger.ts";
import { ADDRESS_RATE } from "./metering.ts";

/** The create's start event begins and ends so long after the create (world/behaviour.ts). */
const STARTS_MS = 37_100;
const UP_MS = STARTS_MS + 29_800;
const STOP_MS = 60_000;
const A4000 = 0.76;
const C5 = 0.08;
const EXACT: BillingRule = { from: "dtStarted", as: "seconds" };

async function machine(over: object = {}, rule = EXACT) {
  const { clock, sim, create } = setUp();
  const { data } = await create(over);
  const { world, console } = sim;
  const usage = () => world.ledger.total(data.id, rule, { meters: ["usage"] });
  const all = () => world.ledger.total(data.id, rule);
  return { clock, world, console, id: data.id, usage, all };
}

describe("the ledger of a machine", () => {
  it.each([
    ["dtStarted", "seconds", 2 * HOUR_MS - STARTS_MS],
    ["dtFinished", "seconds", 2 * HOUR_MS - UP_MS + STOP_MS],
    ["dtStarted", "minutes", 2 * HOUR_MS],
    ["dtFinished", "minutes", 2 * HOUR_MS],
  ] as const)("bills a session from %s by %s, as a vendor may", async (from, as, ms) => {
    const { clock, console, id, usage } = await machine({}, { from, as });
    await clock.advance(2 * HOUR_MS);
    console.stop(id);
    await clock.advance(HOUR_MS);
    expect(usage()).toBeCloseTo((A4000 * 1e6 * ms) / HOUR_MS, 3);
  });

  it("bills nothing for a start that found no hardware", async () => {
    const { clock, sim, create } = setUp();
    sim.world.setCapacity("A4000", "ny2", 0);
    const { data } = await create();
    await clock.advance(HOUR_MS);
    expect(sim.world.ledger.total(data.id, EXACT, { meters: ["usage"] })).toBe(0);
  });

  it("bills the disk from creation to deletion, on or off, and a static address beyond that to nobody's machine", async () => {
    const { clock, world, console, id, all, usage } = await machine({ publicIpType: "static" });
    await clock.advance(MONTH_MS / 2);
    const storage = all() - usage();
    expect(storage).toBeCloseTo(((storageRate(50) + ADDRESS_RATE) * 1e6) / 2, 3);
    console.delete(id, true);
    const ended = all();
    await clock.advance(HOUR_MS);
    expect(all()).toBe(ended);
    expect(world.ledger.lines.at(-1)).toMatchObject({ meter: "address", payer: null, to: null });
  });

  it("splits a session where its price changes, so that neither rate is charged for the other's time", async () => {
    const { clock, world, console, id, usage } = await machine();
    await clock.advance(STARTS_MS + HOUR_MS);
    console.setPrice("A4000", 1);
    await clock.advance(HOUR_MS);
    expect(usage()).toBeCloseTo((A4000 + 1) * 1e6, 3);
    console.stop(id);
    const rates = world.ledger.lines.filter(({ rule }) => rule === "dtStarted").map(({ rate }) => rate);
    expect(rates).toEqual([A4000, 1]);
  });

  it("charges the bytes of the disk as they are after a resize", async () => {
    const { clock, world, console, id } = await machine();
    await clock.advance(HOUR_MS);
    console.stop(id);
    await clock.advance(HOUR_MS);
    console.update(id, { diskSize: 250 });
    await clock.advance(HOUR_MS);
    const disks = world.ledger.lines.filter(({ meter }) => meter === "storage");
    expect(disks.map(({ what, rate }) => [what, rate])).toEqual([
      [`${50 * 2 ** 30}`, storageRate(50)],
      [`${250 * 2 ** 30}`, storageRate(250)],
    ]);
  });
});

it("charges each instance of a deployment while it holds a machine, and none once it is switched off", async () => {
  const { clock, sim, apply } = setUpDeployments();
  const id = await apply();
  await clock.advance(HOUR_MS);
  const { lines } = sim.world.ledger;
  expect(lines.map(({ meter, payer, what, rate }) => [meter, payer, what, rate])).toEqual([
    ["instance", id, "C5", C5],
    ["instance", id, "C5", C5],
  ]);
  await apply({ enabled: false }, { deploymentId: id });
  await clock.advance(HOUR_MS);
  const billed = sim.world.ledger.total(id, EXACT);
  expect(billed).toBeGreaterThan(1.9 * C5 * 1e6);
  await clock.advance(HOUR_MS);
  expect(sim.world.ledger.total(id, EXACT)).toBe(billed);
});
