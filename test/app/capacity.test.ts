/**
 * The queue for scarce hardware and the memory of it, run with the whole operator in virtual time: who goes next, what the
 * waiting costs, and what one object's failure spares the others.
 */
import { describe, expect, it } from "vitest";
import { DEMO_KEY } from "../../dev/simulator/world/teams.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { placed } from "../support/placed.ts";
import { checkTraffic, newWorld, running } from "../support/scenario-world.ts";
import { NAMESPACE, type VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const TYPE = "A100-80G";

checkTraffic();

type Spec = NonNullable<Parameters<VirtualWorld["apply"]>[1]>;

const short = (world: VirtualWorld, machines: number | null = 0, type = TYPE) =>
  world.sim.world.setCapacity(type, "ny2", machines);
const reason = (world: VirtualWorld, name: string, namespace = NAMESPACE, type = "Ready") =>
  world.condition(name, type, world.kube, namespace)?.reason;
const ever = (world: VirtualWorld) => [...world.sim.world.machines.values()];
/** The objects that machines were made for, in their order. */
const served = (world: VirtualWorld) =>
  ever(world).map(({ settings }) => settings.name.replace(/-[0-9a-f]{20}$/, ""));

/** Objects of several namespaces that wait for the same hardware. */
async function waiting(
  objects: Record<string, Record<string, Spec>>,
  flags: string[] = [],
): Promise<VirtualWorld> {
  const world = running(flags);
  short(world);
  const all = Object.entries(objects).flatMap(([namespace, specs]) =>
    Object.entries(specs).map(([name, spec]) => ({ namespace, name, spec })),
  );
  for (const namespace of Object.keys(objects)) world.secret(DEMO_KEY, namespace);
  for (const { namespace, name, spec } of all) {
    world.apply(name, { machineType: TYPE, ...spec }, { namespace });
    await world.until(`${name} waits`, () => reason(world, name, namespace) === "WaitingForCapacity");
    await world.clock.advance(1_000);
  }
  return world;
}

/** One machine at a time is free: each that is Ready has done its work, and its object is deleted. */
async function serveAll(world: VirtualWorld, namespaces: Record<string, readonly string[]>): Promise<void> {
  short(world, 1);
  const left = new Map(
    Object.entries(namespaces).flatMap(([namespace, names]) =>
      names.map((name) => [name, namespace] as const),
    ),
  );
  while (left.size > 0) {
    let done: string | undefined;
    await world.until("one is served", () => {
      done = [...left].find(
        ([name, namespace]) => world.condition(name, "Ready", world.kube, namespace)?.status === "True",
      )?.[0];
      return done !== undefined;
    });
    const namespace = left.get(done ?? "") ?? "";
    world.delete(done ?? "", world.kube, namespace);
    left.delete(done ?? "");
    await world.until("it is gone", () => world.get(done ?? "", world.kube, namespace) === undefined);
  }
}

describe("the queue", () => {
  it("lets namespaces take turns, and within one goes by priority and then by age", async () => {
    const world = await waiting({
      big: { b1: {}, b2: {}, b3: { capacity: { priority: 5 } } },
      small: { s1: {}, s2: { capacity: { priority: 900 } } },
    });
    await serveAll(world, { big: ["b1", "b2", "b3"], small: ["s1", "s2"] });
    expect(served(world)).toEqual(["b3", "s2", "b1", "s1", "b2"]);
  }, 60_000);

  it("lets a priority count between namespaces as far as --capacity-priorities says", async () => {
    const world = await waiting(
      {
        one: { o1: {}, o2: { capacity: { priority: 10 } } },
        prod: { p1: {}, p2: { capacity: { priority: 900 } } },
      },
      ["--capacity-priorities=prod=100"],
    );
    await serveAll(world, { one: ["o1", "o2"], prod: ["p1", "p2"] });
    expect(served(world)[0]).toBe("p2");
  }, 60_000);

  it("skips a head that is paused or deleted: its turn would be kept for nothing", async () => {
    const world = await waiting({ one: { o1: {}, o2: {}, o3: {} } });
    world.edit("o1", { metadata: { annotations: { [ANNOTATION.paused]: "true" } } }, world.kube, "one");
    world.delete("o2", world.kube, "one");
    await world.clock.advance(MINUTE);
    short(world, 1);
    await world.until("the third is served", () => reason(world, "o3", "one") === "Available");
    expect(served(world)).toEqual(["o3"]);
  });

  it("is the same after a restart: nobody comes first because its pass does", async () => {
    const world = newWorld();
    const first = world.start();
    short(world);
    for (const name of ["b1", "b2", "b3"]) {
      world.apply(name, { machineType: TYPE, capacity: {} });
      await world.until(`${name} waits`, () => reason(world, name) === "WaitingForCapacity");
      await world.clock.advance(1_000);
    }
    await first.stop();
    short(world, 1);
    world.start();
    await world.until("one is served", () => ever(world).length > 0);
    expect(served(world)).toEqual(["b1"]);
  });

  it("shows each object its position, and writes it once a minute at most", async () => {
    const world = await waiting({ one: { o1: { capacity: {} }, o2: { capacity: {} } } });
    await world.clock.advance(10 * MINUTE);
    const { capacity } = world.get("o2", world.kube, "one")?.status ?? {};
    expect(capacity).toMatchObject({ machineType: TYPE, region: "ny2", position: 2, of: 2 });
    expect(world.get("o1", world.kube, "one")?.status?.capacity).toMatchObject({ position: 1, of: 2 });
  });
});

describe("waiting", () => {
  it("ends where the user has it end, and goes on with more time", async () => {
    const capacity = { waitAtMost: "2h", onTimeout: "Fail" } as const;
    const world = await waiting({ one: { o1: { capacity } } });
    await world.clock.advance(HOUR);
    expect(reason(world, "o1", "one")).toBe("WaitingForCapacity");
    await world.until(
      "it has given up",
      () => reason(world, "o1", "one", "Stalled") === "CapacityUnavailable",
    );
    short(world, 1);
    await world.clock.advance(HOUR);
    expect(ever(world)).toEqual([]);
    expect(world.condition("o1", "Stalled", world.kube, "one")?.message).toContain(
      `Free now: ${TYPE} in ny2.`,
    );
    // Its turn is no obstacle to others.
    world.apply("o2", { machineType: TYPE }, { namespace: "one" });
    await world.until("the next is served", () => reason(world, "o2", "one") === "Available");
    short(world, 2);
    world.edit("o1", { spec: { capacity: { waitAtMost: "12h" } } }, world.kube, "one");
    await world.until("it is served", () => reason(world, "o1", "one") === "Available");
  });

  it("ends as well where the hint denies for ever what is there: a wrong hint is no reason to wait without end", async () => {
    const world = running();
    world.sim.world.setBehaviour({ availabilityHint: "never" });
    const capacity = { waitAtMost: "40m", onTimeout: "Fail" } as const;
    world.apply("plain", { machineType: TYPE, capacity });
    world.apply("placed", placed({ giveUpAfter: "10m" }, { capacity }));
    for (const name of ["plain", "placed"])
      await world.until(
        `${name} has given up`,
        () => world.condition(name, "Stalled")?.reason === "CapacityUnavailable",
      );
    expect(ever(world)).toEqual([]);
  });

  it("under Keep is reported as progress for as long as it takes", async () => {
    const world = await waiting({ one: { o1: { capacity: { waitAtMost: "1h" } } } });
    await world.clock.advance(5 * HOUR);
    expect(reason(world, "o1", "one")).toBe("WaitingForCapacity");
    expect(reason(world, "o1", "one", "Stalled")).toBeUndefined();
  });
});

describe("where one object got no hardware", () => {
  it("is not where its create may never have arrived: the next one is made meanwhile, also after a restart", async () => {
    const world = newWorld({ flags: ["--create-deadline=1m"] });
    world.sim.faults.add({ match: { method: "POST", path: "/machines$" }, do: { cut: "before" } });
    const first = world.start();
    world.apply("box", { machineType: TYPE });
    await world.until("it is searched for", () => reason(world, "box") === "ResolvingCreate");
    await world.clock.advance(65_000);
    await first.stop();
    world.start();
    expect(reason(world, "box")).toBe("ResolvingCreate");
    world.apply("next", { machineType: TYPE });
    await world.until("the next is made", () => served(world).includes("next"), 30_000);
  });

  it("the others of the team do not try as well, also after a restart: the hint may lie", async () => {
    const world = newWorld();
    world.sim.world.setBehaviour({ availabilityEndpoint: "absent" });
    short(world, 0, "H100");
    const first = world.start();
    world.apply("box", placed({ giveUpAfter: "1m" }));
    await world.until("it moves on", () => world.get("box")?.status?.placement?.tried !== undefined);
    world.apply("box-2", placed({ giveUpAfter: "1m" }));
    await world.until("the next is made", () => served(world).includes("box-2"));
    await first.stop();
    world.start();
    world.apply("box-3", placed({ giveUpAfter: "1m" }));
    await world.until("the third is made", () => served(world).includes("box-3"));
    expect(ever(world).filter(({ machineType }) => machineType === "H100")).toHaveLength(1);
  });
});
