/**
 * Worlds of a file of stories: whatever was played in one, each request and each answer is held against the vendor's own
 * schema at the end of its test, where that is at hand.
 */
import { afterEach, expect } from "vitest";
import { VirtualWorld } from "./virtual-world.ts";

const worlds: VirtualWorld[] = [];

/** To be called once in a file. */
export function checkPlayed(): void {
  afterEach(() => {
    for (const world of worlds.splice(0)) expect(world.sim.conformance.report().violations).toEqual([]);
  });
}

/** A world whose operators the test starts itself. */
export function played(): VirtualWorld {
  const world = new VirtualWorld();
  worlds.push(world);
  return world;
}

/** A world with an operator. */
export function running(flags: string[] = []): VirtualWorld {
  const world = new VirtualWorld({ flags });
  worlds.push(world);
  world.start();
  return world;
}

export const calls = (world: VirtualWorld, method: string, path: RegExp) =>
  world.sim.calls.list({ method, path });

/** The only machine there is. */
export function onlyMachine(world: VirtualWorld) {
  const [machine, ...more] = world.machines();
  expect(more).toEqual([]);
  if (!machine) throw new Error("there is no machine");
  return machine;
}
