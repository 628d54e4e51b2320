/**
 * Kills the operator at every single call that it makes, before the call takes effect and after: exhaustively, in virtual
 * time; test/ does a sample of it with a real process and a real API server (docs/design.md, Crash points).
 */
import { describe, expect, it } from "vitest";
import { type Process, VirtualWorld, type WorldOptions } from "./virtual-world.ts";

export interface Scenario {
  /** How many objects there are in all. */
  objects: number;
  /** What the user does; each part is followed until it is done. */
  run(world: VirtualWorld): Promise<void>;
}

/** `npm run stories` dies at each call; `npm test` at every third, which is an odd number: before some, after others. */
const EVERY = Number(process.env.DEATHS_EVERY ?? 3);

/** Calls worth dying at: leases belong to the election, reads change nothing. */
const counts = (call: string) => !call.includes("/leases") && !call.includes("GET");

/** Runs the scenario with a death at the `at`-th call, and a fresh process after each. Returns the calls seen. */
async function run(
  scenario: Scenario,
  at: number,
  options: WorldOptions,
): Promise<{ world: VirtualWorld; calls: number }> {
  // Elections that come round rarely: this is about all other calls.
  const flags = ["--lease-duration=60s", "--renew-deadline=40s", "--retry-period=20s"];
  const world = new VirtualWorld({ flags, simulation: { vendorOpenapi: false }, ...options });
  let calls = 0;
  let current: Process;
  const launch = () => {
    current = world.start();
    current.edge.onPass = (call) => {
      if (!counts(call)) return;
      if (calls++ !== at) return;
      current.kill();
      // The next process is there at once; it must wait for the lease of the dead one.
      launch();
    };
  };
  launch();
  await scenario.run(world).finally(() => world.end());
  return { world, calls };
}

/** What must hold in the end, whichever call was the last. */
export type Check = (world: VirtualWorld, scenario: Scenario, at: number) => void;

export function dieEverywhere(
  scenarios: Record<string, Scenario>,
  check: Check = oneMachine,
  options: WorldOptions = {},
): void {
  describe.each(Object.entries(scenarios))("when the process dies during %s", (_, scenario) => {
    it("there is never a second one, and none is lost, whichever call was the last", async () => {
      const { world, calls } = await run(scenario, -1, options);
      check(world, scenario, -1);
      expect(calls).toBeGreaterThan(8);
      for (let at = EVERY === 1 ? 0 : calls % EVERY; at < calls; at += EVERY)
        check((await run(scenario, at, options)).world, scenario, at);
    }, 120_000);
  });
}

function oneMachine(world: VirtualWorld, { objects }: Scenario, at: number): void {
  const expected = world.get("box") === undefined ? 0 : 1;
  const ever = [...world.sim.world.machines.values()];
  expect({ at, alive: world.machines().length, ever: ever.length }).toEqual({
    at,
    alive: expected,
    ever: expect.toSatisfy((made: number) => made <= objects),
  });
  if (expected === 1) expect(world.get("box")?.status?.id).toBe(world.machines()[0]?.id);
}
