/**
 * What an account allows is documented nowhere: it is found by 429s, and kept in the lease, so that the next process does
 * not find it once more. Run with the whole operator in virtual time.
 */
import { expect, it, vi } from "vitest";
import { LEASES, type Lease } from "../../src/kube/resource.ts";
import { VirtualWorld } from "../support/virtual-world.ts";

vi.setConfig({ testTimeout: 60_000 });

it("is kept over a restart: the next leader begins at the rate that was found, with hardly a 429", async () => {
  const world = new VirtualWorld({
    simulation: { vendorOpenapi: false },
    flags: ["--requests-per-second=10", "--burst=5"],
  });
  const budget = { burst: 5, perSecond: 2 };
  Object.assign(world.sim.console.team("te-alpha"), { budget, maxMachines: 500 });
  const bulk = async (prefix: string) => {
    world.sim.calls.clear();
    for (let n = 0; n < 30; n++) world.apply(`${prefix}-${n}`);
    for (let n = 0; n < 30; n++) await world.ready(`${prefix}-${n}`);
    return world.sim.calls.list().filter(({ status }) => status === 429).length;
  };
  const first = world.start();
  const before = await bulk("a");
  expect(before).toBeGreaterThan(2);
  await world.clock.advance(60_000);
  const { kube, config } = world;
  const lease = kube.storage.find(LEASES, kube.namespace, config.leaderElectName) as Lease | undefined;
  const kept = lease?.metadata.annotations?.["paperspace.com/request-rates"] ?? "{}";
  expect(JSON.parse(kept)["te-alpha"]).toBeGreaterThan(1);
  expect(JSON.parse(kept)["te-alpha"]).toBeLessThanOrEqual(3);
  await first.stop();
  world.start();
  const after = await bulk("b");
  expect(after).toBeLessThanOrEqual(2);
  expect(after).toBeLessThan(before);
  await world.end();
});
