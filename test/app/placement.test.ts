/**
 * A placement, run with the whole operator over a cluster and an account in memory, in virtual time: which candidate is
 * taken, when the next one is tried, and what is deleted for that. The checks use the simulator's own state.
 */
import { describe, expect, it } from "vitest";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { placed, TWO } from "../support/placed.ts";
import {
  calls,
  checkTraffic,
  eventNotes,
  onlyMachine as machine,
  newWorld,
  running,
} from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;

checkTraffic();

type Spec = NonNullable<Parameters<VirtualWorld["apply"]>[1]>;
const placementOf = (world: VirtualWorld) => world.get("box")?.status?.placement;
const reason = (world: VirtualWorld, type = "Ready") => world.condition("box", type)?.reason;
const ever = (world: VirtualWorld) => [...world.sim.world.machines.values()];
const deletes = (world: VirtualWorld) => calls(world, "DELETE", /\/machines\//);
const where = ({ machineType, region }: { machineType: string; region: string }) =>
  `${machineType}/${region}`;

/** No hint of capacity is to be had, so that a create has to try. */
function withoutHints(world: VirtualWorld): void {
  world.sim.world.setBehaviour({ availabilityEndpoint: "absent" });
}

describe("the candidates", () => {
  it("are taken in their order, and what was chosen is in status before the create is sent", async () => {
    const world = newWorld({
      onSending(method, path) {
        if (method === "POST" && path.endsWith("/machines"))
          expect(placementOf(world)?.chosen).toMatchObject({ machineType: "H100", region: "ny2" });
      },
    });
    world.start();
    world.apply("box", placed());
    await world.ready("box");
    expect(where(machine(world))).toBe("H100/ny2");
    expect(placementOf(world)).toEqual({ chosen: { machineType: "H100", region: "ny2", rate: 5.95 } });
  });

  it("that are short by the hint are passed over at once, and cost no create", async () => {
    const world = running();
    world.sim.world.setCapacity("H100", "ny2", 0);
    world.sim.world.setCapacity("A4000", "ny2", 0);
    world.apply("box", placed());
    await world.ready("box");
    expect(where(machine(world))).toBe("A4000/ca1");
    expect(ever(world)).toHaveLength(1);
  });

  it("all of which are short are waited for, and the first that is free is taken", async () => {
    const world = running();
    for (const [type, region] of [
      ["H100", "ny2"],
      ["A4000", "ny2"],
      ["A4000", "ca1"],
    ] as const)
      world.sim.world.setCapacity(type, region, 0);
    world.apply("box", placed());
    await world.until("it waits", () => reason(world) === "WaitingForCapacity");
    world.sim.world.setCapacity("A4000", "ca1", 1);
    await world.ready("box");
    expect(where(machine(world))).toBe("A4000/ca1");
  });

  it("that are refused are left for the next one at once, and are not sent again and again", async () => {
    const world = running();
    world.sim.world.setBehaviour({ capacityShortage: "refuse" });
    withoutHints(world);
    world.sim.world.setCapacity("H100", "ny2", 0);
    world.apply("box", placed());
    await world.ready("box");
    expect(where(machine(world))).toBe("A4000/ny2");
    expect(calls(world, "POST", /machines$/)).toHaveLength(2);
    expect(placementOf(world)?.tried).toMatchObject([
      { candidate: { machineType: "H100", region: "ny2" }, outcome: "Declined" },
    ]);
  });

  it("all of which are refused are reported with what was answered, since the spec may name what does not exist", async () => {
    const world = running();
    world.apply("box", placed({ candidates: [{ machineType: "A40OO", regions: ["ny2", "ca1"] }] }));
    await world.until("it is reported", () => reason(world, "Stalled") === "Refused");
    expect(world.condition("box", "Stalled")?.message).toMatch(/A40OO in ny2: .*A40OO in ca1: /);
    const sent = calls(world, "POST", /machines$/).length;
    await world.clock.advance(9 * MINUTE);
    expect(calls(world, "POST", /machines$/)).toHaveLength(sent);
  });

  it("is not left once the machine was on: it is started again where it is", async () => {
    const world = running();
    world.apply("box", placed());
    await world.ready("box");
    world.sim.world.setCapacity("H100", "ny2", 0);
    world.sim.console.stop(machine(world).id);
    await world.clock.advance(3 * 60 * MINUTE);
    expect(where(machine(world))).toBe("H100/ny2");
    expect(ever(world)).toHaveLength(1);
    expect(reason(world)).toMatch(/Capacity/);
  });
});

describe("a machine that got no hardware", () => {
  /** The first candidate is answered with success, and stays off. */
  async function shell(spec: Partial<Spec> = {}) {
    const world = running();
    withoutHints(world);
    world.sim.world.setCapacity("H100", "ny2", 0);
    world.apply("box", placed({ giveUpAfter: "10m" }, spec));
    await world.until("it is off", () => ever(world)[0]?.state === "off");
    return world;
  }

  it("is deleted once, after giveUpAfter, and the next candidate is created only once it is gone for certain", async () => {
    const world = await shell();
    await world.clock.advance(5 * MINUTE);
    expect(deletes(world)).toEqual([]);
    await world.ready("box");
    expect(where(machine(world))).toBe("A4000/ny2");
    expect(deletes(world)).toHaveLength(1);
    const [first] = ever(world);
    expect(placementOf(world)?.tried).toMatchObject([
      { candidate: { machineType: "H100", region: "ny2" }, outcome: "NoHardware", removed: first?.id },
    ]);
    expect(world.get("box")?.status?.disowned).toMatchObject([{ id: first?.id, replaced: true }]);
    const [, created] = calls(world, "POST", /machines$/);
    expect(Date.parse(first?.dtDeleted ?? "")).toBeLessThanOrEqual(Date.parse(created?.time ?? ""));
  });

  it("is the operator's doing where the answer to its delete is lost, and a repeated one finds nothing", async () => {
    const world = await shell({ publicIpType: "static" });
    world.sim.world.setBehaviour({ deleteMs: 100 });
    world.sim.faults.add({ match: { method: "DELETE", path: "/machines/" }, do: { cut: "after" } });
    await world.ready("box");
    expect(where(machine(world))).toBe("A4000/ny2");
    expect(placementOf(world)?.tried).toMatchObject([{ removed: ever(world)[0]?.id }]);
    expect(world.sim.console.team("te-alpha").staticAddresses).toHaveLength(1);
  });

  it("takes its static address with it, whatever publicIpReleasePolicy says: nobody ever used it", async () => {
    const world = await shell({ publicIpType: "static", publicIpReleasePolicy: "Keep" });
    await world.ready("box");
    expect(world.sim.console.team("te-alpha").staticAddresses).toHaveLength(1);
    expect(eventNotes(world, "AddressKept", "box")).toEqual([]);
  });

  it("stays where it came up in the console meanwhile, though it is off again: it may have data", async () => {
    const world = await shell();
    const [first] = ever(world);
    world.sim.world.setCapacity("H100", "ny2", 1);
    world.sim.console.start(first?.id ?? "");
    await world.until("it is on", () => first?.state === "ready");
    world.sim.world.setCapacity("H100", "ny2", 0);
    world.sim.console.stop(first?.id ?? "");
    await world.clock.advance(3 * 60 * MINUTE);
    expect(deletes(world)).toEqual([]);
    expect(ever(world)).toHaveLength(1);
  });

  it("stays where it was changed in the console meanwhile", async () => {
    const world = await shell();
    const [first] = ever(world);
    await world.clock.advance(5 * MINUTE);
    world.sim.console.update(first?.id ?? "", { diskSize: 100 });
    await world.clock.advance(3 * 60 * MINUTE);
    expect(deletes(world)).toEqual([]);
  });

  it("stays where no other candidate is free, and is reported", async () => {
    const world = await shell({ placement: { candidates: TWO.slice(0, 1) } });
    await world.until("it is reported", () => reason(world, "Stalled") === "CapacityUnavailable");
    await world.clock.advance(60 * MINUTE);
    expect(deletes(world)).toEqual([]);
    world.sim.world.setCapacity("H100", "ny2", 1);
    await world.ready("box");
    expect(ever(world)).toHaveLength(1);
  });

  it("stays where it is protected in the last moment, and another candidate is not tried", async () => {
    const world = await shell();
    world.kube.onChange = ({ object }) => {
      const { placement } = (object as ReturnType<typeof world.get>)?.status ?? {};
      if (placement?.attempt?.removing === undefined) return;
      world.kube.onChange = () => {};
      world.edit("box", { spec: { deletionProtection: true } });
    };
    await world.clock.advance(60 * MINUTE);
    expect(world.get("box")?.spec.deletionProtection).toBe(true);
    expect(deletes(world)).toEqual([]);
    expect(placementOf(world)?.attempt?.removing).toBeUndefined();
  });

  it("is not deleted while the object is paused", async () => {
    const world = await shell();
    world.edit("box", { metadata: { annotations: { [ANNOTATION.paused]: "true" } } });
    await world.clock.advance(60 * MINUTE);
    expect(deletes(world)).toEqual([]);
    world.edit("box", { metadata: { annotations: { [ANNOTATION.paused]: null } } });
    await world.ready("box");
    expect(where(machine(world))).toBe("A4000/ny2");
  });

  it("shows under dry-run as a delete and a create, and nothing is done", async () => {
    const world = await shell();
    world.edit("box", { metadata: { annotations: { [ANNOTATION.dryRun]: "true" } } });
    await world.clock.advance(60 * MINUTE);
    expect(deletes(world)).toEqual([]);
    expect(world.get("box")?.status?.plan?.slice(0, 2)).toMatchObject([
      { action: "Delete", losesData: false },
      { action: "Create" },
    ]);
  });

  it("is known to be deleted by the operator where the placement is replaced meanwhile, and takes its address with it", async () => {
    const world = await shell({ publicIpType: "static", publicIpReleasePolicy: "Keep" });
    await world.until("it is being deleted", () => deletes(world).length > 0);
    world.edit("box", { spec: { placement: null as never, machineType: "A4000", region: "ny2" } });
    await world.ready("box");
    expect(where(machine(world))).toBe("A4000/ny2");
    const addresses = world.sim.console.team("te-alpha").staticAddresses;
    expect(addresses.map(({ machineId }) => machineId)).toEqual([machine(world).id]);
  });

  it("is deleted by another actor, where it has outlived its delete and was changed since", async () => {
    const world = await shell();
    const [first] = ever(world);
    world.sim.console.failNext({ event: "deactivate" });
    await world.until("it is being deleted", () => deletes(world).length > 0);
    await world.until("that fails", () => first?.deleting === null);
    world.sim.console.update(first?.id ?? "", { diskSize: 100 });
    await world.clock.advance(60 * MINUTE);
    world.sim.console.delete(first?.id ?? "");
    await world.until("it is reported", () => reason(world) === "ExternallyDeleted");
    await world.clock.advance(60 * MINUTE);
    expect(ever(world)).toHaveLength(1);
  });

  it("is reported as gone where the object is only observed in the middle of it, and makes way once it is managed again", async () => {
    const world = await shell({ publicIpType: "static" });
    await world.until("it is being deleted", () => deletes(world).length > 0);
    world.edit("box", { spec: { managementPolicy: "Observe" } });
    await world.until("it is gone", () => world.machines().length === 0);
    await world.until("that is reported", () => reason(world) === "NothingToObserve");
    expect(world.condition("box", "Ready")?.message).toContain("was deleted by the operator before that");
    const [first] = ever(world);
    await world.clock.advance(60 * MINUTE);
    // Nothing is lost of what it was, and nothing is made.
    expect(world.get("box")?.status?.id).toBe(first?.id);
    expect(ever(world)).toHaveLength(1);
    world.edit("box", { spec: { managementPolicy: "Manage" } });
    await world.ready("box");
    expect(where(machine(world))).toBe("A4000/ny2");
    expect(placementOf(world)?.tried).toMatchObject([{ removed: first?.id }]);
    expect(world.sim.console.team("te-alpha").staticAddresses).toHaveLength(1);
  });

  it("goes with its object, where that is deleted in the middle of it", async () => {
    const world = await shell();
    await world.until("it is being deleted", () => deletes(world).length > 0);
    world.delete("box");
    await world.gone("box");
    expect(world.machines()).toEqual([]);
    expect(ever(world)).toHaveLength(1);
  });
});
