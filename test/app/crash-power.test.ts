/** The operator is killed at every single call while requests stop and start a machine, and while its lifetime ends. */
import { expect } from "vitest";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { dieEverywhere } from "../support/deaths.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const HOUR = 60 * 60_000;

async function request(
  world: VirtualWorld,
  name: "start" | "stop",
  value: string,
  state: string,
): Promise<void> {
  world.edit("box", { metadata: { annotations: { [ANNOTATION[`${name}RequestedAt`]]: value } } });
  await world.until(
    `${name} is answered`,
    () => world.get("box")?.status?.handled?.[name] === value && world.machines()[0]?.state === state,
  );
}

dieEverywhere(
  {
    "a start and a stop by request": {
      objects: 1,
      async run(world: VirtualWorld) {
        world.apply("box", { powerState: "Stopped" });
        await world.ready("box");
        world.edit("box", { spec: { powerState: "Running" } });
        await request(world, "start", new Date(world.clock.now()).toISOString(), "ready");
        await request(world, "stop", "a-word", "off");
      },
    },
  },
  (world, _scenario, at) => {
    const { powerChange, handled } = world.get("box")?.status ?? {};
    expect({ at, cause: powerChange?.cause, state: world.machines()[0]?.state }).toEqual({
      at,
      cause: "StopRequested",
      state: "off",
    });
    expect(handled?.stop).toBe(powerChange?.request);
    // A start that was answered is not sent again by a process that begins anew.
    const starts = world.sim.calls.list({ method: "PATCH", path: /\/start$/ });
    expect(starts.length).toBeLessThanOrEqual(2);
  },
);

dieEverywhere(
  {
    "the end of a lifetime, and what comes after it": {
      objects: 2,
      async run(world: VirtualWorld) {
        world.apply("box", {
          lifetime: { deleteAfter: "1m" },
          publicIpType: "static",
          publicIpReleasePolicy: "Release",
        });
        await world.ready("box");
        await world.until("it is over", () => isExpired(world), 3 * HOUR);
        world.edit("box", { spec: { lifetime: { deleteAfter: "30d" } } });
        await world.ready("box");
      },
    },
  },
  (world, _scenario, at) => {
    const made = [...world.sim.world.machines.values()];
    const { id, disowned, lifetime } = world.get("box")?.status ?? {};
    expect({ at, made: made.length, alive: world.machines().map((machine) => machine.id) }).toEqual({
      at,
      made: 2,
      alive: [id],
    });
    expect(disowned).toMatchObject([{ id: made[0]?.id, replaced: true }]);
    expect(lifetime?.expired).toBeUndefined();
    // Nothing was deleted before the user was warned for an hour.
    expect(Date.parse(made[0]?.dtDeleted ?? "") - Date.parse(made[0]?.dtCreated ?? "")).toBeGreaterThan(HOUR);
  },
);

function isExpired(world: VirtualWorld): boolean {
  return world.machines().length === 0 && world.condition("box", "Ready")?.reason === "Expired";
}
