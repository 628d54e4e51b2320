/** An API that cannot be reached: the metric that the alert is about shows it, and shows its end. In virtual time. */
import { expect, it } from "vitest";
import { checkTraffic, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;

checkTraffic();

const unreachable = async (world: VirtualWorld) =>
  Number(/^paperspace_api_unreachable_seconds (\S+)$/m.exec(await world.metrics())?.[1]);

it.each([{ cut: "before" }, { hang: true }] as const)(
  "is measured while requests fail, for as long as they do, and no longer: %j",
  async (fault) => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    expect(await unreachable(world)).toBe(0);
    world.sim.faults.add({ match: { times: "always" }, do: fault });
    // One object at rest: what it needs is read once in each resync, and repeated with a back-off.
    await world.clock.advance(40 * MINUTE);
    // The alert begins at 300.
    expect(await unreachable(world)).toBeGreaterThan(600);
    world.sim.faults.clear();
    await world.clock.advance(15 * MINUTE);
    expect(await unreachable(world)).toBe(0);
    expect(world.condition("box", "Ready")?.status).toBe("True");
  },
);
