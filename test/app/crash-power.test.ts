/** The operator is killed at every single call while requests by annotation stop and start a machine. */
import { expect } from "vitest";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { dieEverywhere } from "../support/deaths.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

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
