/**
 * Rates in a placement, run with the whole operator in virtual time: from which machine types it chooses by what is known of
 * their rates, and what it does about a machine that turns out to cost more than the user allows.
 */
import { describe, expect, it } from "vitest";
import { placed } from "../support/placed.ts";
import { calls, checkTraffic, onlyMachine as machine, newWorld, running } from "../support/scenario-world.ts";
import { configMap } from "../support/scenario-world-deployments.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const FLAGS = ["--price-list=ops/prices"];
const PRICES = "type,region,rate,currency,period\nH100,ny2,5.95,USD,hour\nA4000,ca1,0.76,USD,hour\n";

checkTraffic();

const status = (world: VirtualWorld, name = "box") => world.get(name)?.status;
const reason = (world: VirtualWorld, type: string) => world.condition("box", type)?.reason;
const deletes = (world: VirtualWorld) => calls(world, "DELETE", /\/machines\//);
const ever = (world: VirtualWorld) => [...world.sim.world.machines.values()];

const publish = (world: VirtualWorld, csv: string) =>
  configMap(world, "prices", { "prices.csv": csv }, "ops");

function priced(csv = PRICES): VirtualWorld {
  const world = newWorld({ flags: FLAGS });
  publish(world, csv);
  world.start();
  return world;
}

describe("a candidate", () => {
  it("that the price list has above the maximum is passed over, and what was chosen shows its rate", async () => {
    const world = priced();
    world.apply("box", placed({ maxHourlyRate: "4.00" }));
    await world.ready("box");
    expect(machine(world)).toMatchObject({ machineType: "A4000", region: "ny2" });
    expect(status(world)?.placement?.chosen).toEqual({ machineType: "A4000", region: "ny2", rate: 0.76 });
    expect(reason(world, "RateExceeded")).toBeUndefined();
  });

  it("that a machine of the team shows above the maximum is passed over, without a price list", async () => {
    const world = running();
    world.apply("other", { machineType: "H100" });
    await world.ready("other");
    world.apply("box", placed({ maxHourlyRate: "4.00" }));
    await world.ready("box");
    expect(status(world)?.machineType).toBe("A4000");
  });

  it("that a machine shows above the maximum is passed over after a restart as well, before any is created", async () => {
    const world = newWorld();
    const first = world.start();
    world.apply("other", { machineType: "H100" });
    await world.ready("other");
    await first.stop();
    world.apply("box", placed({ maxHourlyRate: "4.00" }));
    world.start();
    await world.ready("box");
    expect(status(world)?.machineType).toBe("A4000");
  });

  it("is taken by price where the user wants it: the cheapest that is known, before what is not", async () => {
    const world = priced();
    world.apply("box", placed({ order: "Price" }));
    await world.ready("box");
    expect(machine(world)).toMatchObject({ machineType: "A4000", region: "ca1" });
  });

  it("is taken in the declared order where no rate can be read: what is missing stops nothing", async () => {
    const world = running(FLAGS);
    world.apply("box", placed({ maxHourlyRate: "9.00", order: "Price" }));
    await world.ready("box");
    expect(machine(world)).toMatchObject({ machineType: "H100", region: "ny2" });
  });
});

it("an object does not stand in the queue for what costs too much: it would keep its turn for nothing", async () => {
  const world = priced();
  for (const type of ["H100", "A4000"]) world.sim.world.setCapacity(type, "ny2", 0);
  world.sim.world.setCapacity("A4000", "ca1", 0);
  world.apply("box", placed({ maxHourlyRate: "4.00" }));
  await world.until("it waits", () => reason(world, "Ready") === "WaitingForCapacity");
  expect(world.condition("box", "Ready")?.message).toContain("H100 in ny2 costs 5.95 an hour");
  expect(status(world)?.placement?.tooDear).toEqual([{ machineType: "H100", region: "ny2", rate: 5.95 }]);
  world.apply("next", { machineType: "H100", capacity: {} });
  await world.until("the next waits", () => status(world, "next")?.capacity?.position !== undefined);
  expect(status(world, "next")?.capacity).toMatchObject({ machineType: "H100", position: 1, of: 1 });
});

describe("candidates that all cost too much", () => {
  it("are reported, and tried once the price list says otherwise", async () => {
    const world = priced();
    const candidates = [{ machineType: "H100", regions: ["ny2"] }];
    world.apply("box", placed({ candidates, maxHourlyRate: "4.00" }));
    await world.until("it is reported", () => reason(world, "Stalled") === "RateExceeded");
    expect(world.condition("box", "Stalled")?.message).toContain("H100 in ny2 costs 5.95 an hour");
    await world.clock.advance(60 * MINUTE);
    expect(ever(world)).toEqual([]);
    publish(world, PRICES.replace("5.95", "3.5"));
    await world.until("it is created", () => ever(world).length > 0);
  });
});

describe("a machine that turns out to cost more than the maximum", () => {
  it("stays and is reported, since it may have data: its rate was not known before", async () => {
    const world = running();
    world.apply("box", placed({ maxHourlyRate: "4.00" }));
    await world.ready("box");
    await world.until("it is reported", () => reason(world, "RateExceeded") === "RateExceeded");
    expect(status(world)?.placement?.chosen).toMatchObject({ machineType: "H100", rate: 5.95 });
    await world.clock.advance(60 * MINUTE);
    expect(deletes(world)).toEqual([]);
    expect(world.condition("box", "Ready")?.status).toBe("True");
    world.edit("box", { spec: { placement: { maxHourlyRate: "6.00" } } });
    await world.until("it is allowed", () => reason(world, "RateExceeded") === undefined);
  });

  it("makes way like any other where it is a shell, and is not tried again", async () => {
    const world = running();
    world.sim.world.setBehaviour({ availabilityEndpoint: "absent" });
    world.sim.world.setCapacity("H100", "ny2", 0);
    world.apply("box", placed({ maxHourlyRate: "4.00", giveUpAfter: "10m" }));
    await world.ready("box");
    expect(machine(world).machineType).toBe("A4000");
    expect(deletes(world)).toHaveLength(1);
    await world.clock.advance(180 * MINUTE);
    // Not for want of hardware, nor for a hint of it.
    world.sim.world.setCapacity("H100", "ny2", null);
    world.apply("second", placed({ maxHourlyRate: "4.00" }));
    await world.ready("second");
    expect(ever(world).filter(({ machineType }) => machineType === "H100")).toHaveLength(1);
  });
});
