/** Many deployments at once: what they cost, and that a small budget makes them slow, and not stuck. */
import { describe, expect, it } from "vitest";
import { calls, checkTraffic, running } from "../support/scenario-world.ts";
import { isReady, MINUTE, PROJECT, upserts } from "../support/scenario-world-deployments.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

describe("a fleet", () => {
  const objects = (world: VirtualWorld, count: number) =>
    Array.from({ length: count }, (_, i) => world.deployments.get(`web${i}`));
  const COUNT = 200;

  it("of two hundred is made at once, each one once, and then costs pages and a read of each one's runs in a resync", async () => {
    const world = running(["--requests-per-second=50", "--burst=2000", "--concurrency=64"], {
      simulation: { vendorOpenapi: false },
    });
    const team = world.sim.console.team("te-alpha");
    team.budget = { burst: 5_000, perSecond: 100 };
    for (let i = 0; i < COUNT; i++) world.deployments.apply(`web${i}`);
    await world.until("all are Ready", () => objects(world, COUNT).every(isReady));
    expect(world.deployed()).toHaveLength(COUNT);
    expect(upserts(world)).toHaveLength(COUNT);
    await world.clock.advance(30 * MINUTE);
    world.sim.calls.clear();
    const since = world.kube.calls.length;
    await world.clock.advance(60 * MINUTE);
    const writes = world.kube.calls
      .slice(since)
      .filter(({ method, path }) => method !== "GET" && !path.includes("leases"));
    expect(writes).toEqual([]);
    expect(world.sim.calls.list().filter(({ method }) => method !== "GET")).toEqual([]);
    const pages = calls(world, "GET", new RegExp(`projects/${PROJECT}/deployments$`));
    expect(pages.length).toBeLessThanOrEqual(7 * Math.ceil(COUNT / 120));
    // Runs are read once in a resync, by which Ready is as old at most, and spread.
    const runs = calls(world, "GET", /\/runs$/);
    expect(runs.length).toBeGreaterThanOrEqual(5 * COUNT);
    expect(runs.length).toBeLessThanOrEqual(7 * COUNT);
    const [, oldest] =
      /oldest_read_seconds\{controller="paperspacedeployments"\} (\S+)/.exec(await world.metrics()) ?? [];
    expect(Number(oldest)).toBeGreaterThan(60);
    expect(Number(oldest)).toBeLessThanOrEqual(660);
    const minutes = new Map<number, number>();
    for (const { time } of runs) {
      const minute = Math.floor(Date.parse(time) / MINUTE);
      minutes.set(minute, (minutes.get(minute) ?? 0) + 1);
    }
    expect(Math.max(...minutes.values())).toBeLessThan(COUNT / 3);
  }, 120_000);

  it("is made by an account with a small budget as well, if slowly", async () => {
    const world = running(["--requests-per-second=0.5", "--burst=2"]);
    for (let i = 0; i < 6; i++) world.deployments.apply(`web${i}`);
    await world.until("all are Ready", () => objects(world, 6).every(isReady));
    expect(upserts(world)).toHaveLength(6);
  });
});
