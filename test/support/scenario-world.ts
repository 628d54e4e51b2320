/**
 * Worlds of a test file: each request and each answer in one is checked against the vendor's own schema at the end of
 * its test, where that is available.
 */
import { afterEach, expect, vi } from "vitest";
import { VendorSchema } from "../../dev/simulator/conformance.ts";
import { DEFAULT_VENDOR_OPENAPI } from "../../dev/simulator/simulation.ts";
import { VirtualWorld, type WorldOptions } from "./virtual-world.ts";

const worlds: VirtualWorld[] = [];
/** Loaded once in a file, because it takes long. */
const vendorOpenapi = VendorSchema.load(DEFAULT_VENDOR_OPENAPI) ?? false;

/** To be called once in a file. */
export function checkTraffic(): void {
  // The first one of a file has the vendor's schema compiled.
  vi.setConfig({ testTimeout: 30_000 });
  afterEach(async () => {
    for (const world of worlds.splice(0)) {
      await world.end();
      expect(world.sim.conformance.report().violations).toEqual([]);
    }
  });
}

/** A world whose operators the test starts itself. */
export function newWorld(options: WorldOptions = {}): VirtualWorld {
  const world = new VirtualWorld({ ...options, simulation: { vendorOpenapi, ...options.simulation } });
  worlds.push(world);
  return world;
}

/** A world with an operator. */
export function running(flags: string[] = [], options: WorldOptions = {}): VirtualWorld {
  const world = newWorld({ flags, ...options });
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

/** The only deployment there is. */
export function onlyDeployment(world: VirtualWorld) {
  const [deployment, ...more] = world.deployed();
  expect(more).toEqual([]);
  if (!deployment) throw new Error("there is no deployment");
  return deployment;
}

/** The notes of the Events of this reason. */
export const eventNotes = (world: VirtualWorld, type: string, name = "web") =>
  world.kube.storage.events.flatMap(({ of, object }) => {
    const event = object as { reason?: string; note?: string; regarding?: { name: string } };
    return of.plural === "events" && event.regarding?.name === name && event.reason === type
      ? [event.note ?? ""]
      : [];
  });
