/** The operator is killed at every single call while it moves from one candidate of a placement to the next. */
import { expect } from "vitest";
import { dieEverywhere } from "../support/deaths.ts";
import { expectNeverTwo, placed } from "../support/placed.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

function onShortage(capacityShortage: "off" | "refuse" | "eventError") {
  return {
    objects: 2,
    async run(world: VirtualWorld) {
      world.sim.world.setBehaviour({ availabilityEndpoint: "absent", capacityShortage });
      world.sim.world.setCapacity("H100", "ny2", 0);
      world.apply("box", placed({ giveUpAfter: "1m" }, { publicIpType: "static" }));
      await world.ready("box");
    },
  };
}

dieEverywhere(
  {
    "a move from a machine that got no hardware": onShortage("off"),
    "a move from a machine whose start failed": onShortage("eventError"),
    "a move from a refused candidate": onShortage("refuse"),
  },
  (world, _scenario, at) => {
    const made = [...world.sim.world.machines.values()];
    const [alive, ...more] = world.machines();
    expect({ at, more, place: `${alive?.machineType}/${alive?.region}` }).toEqual({
      at,
      more: [],
      place: "A4000/ny2",
    });
    expectNeverTwo(made);
    const { id, placement } = world.get("box")?.status ?? {};
    expect(id).toBe(alive?.id);
    const removed = placement?.tried?.flatMap((one) => one.removed ?? []) ?? [];
    // Each that was made and is gone is noted once.
    expect(removed.toSorted()).toEqual(made.flatMap((one) => (one.dtDeleted ? one.id : [])).toSorted());
    expect(world.sim.console.team("te-alpha").staticAddresses.map(({ machineId }) => machineId)).toEqual([
      alive?.id,
    ]);
  },
);
