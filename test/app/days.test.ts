/**
 * Days at the default flags: users, the console and an autoscaler change a machine and a deployment now and then, and in
 * between nothing happens. Ready may lag behind the truth by one resync, changes only where something changed, and rest
 * costs nothing. Every version that is written is looked at, not samples.
 */
import { afterEach, describe, expect, it } from "vitest";
import type { DeploymentRecord } from "../../dev/simulator/world/deployment-records.ts";
import { ReadyWatch, type Watched } from "../support/ready-watch.ts";
import { Dice } from "../support/scenario/dice.ts";
import { checkTraffic, newWorld, onlyDeployment, onlyMachine } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SEEDS = Array.from({ length: Number(process.env.DAYS_SEEDS ?? 2) }, (_, i) => i + 1);
/** One resync of ten minutes, which is spread by a tenth, and what one look takes. */
const LAG_MS = 12 * MINUTE;

checkTraffic();
const watches: ReadyWatch[] = [];
afterEach(() => {
  for (const watch of watches.splice(0)) watch.end();
});

function watching(world: VirtualWorld, watched: Watched): ReadyWatch {
  const watch = new ReadyWatch(world, watched);
  watches.push(watch);
  return watch;
}

/** A day of nothing: no write to Paperspace, and at most three of the object. */
async function rest(world: VirtualWorld, watch: ReadyWatch): Promise<void> {
  watch.changes();
  world.sim.calls.clear();
  await world.clock.advance(DAY);
  expect(watch.versions(), "versions of the object in a day at rest").toBeLessThanOrEqual(3);
  expect(watch.changes()).toEqual([]);
  expect(
    world.sim.calls.list().filter(({ method }) => method !== "GET"),
    "writes at rest",
  ).toEqual([]);
}

describe.each(SEEDS)("days of a machine, seed %i", (seed) => {
  it("Ready follows what is true, and rest costs nothing", async () => {
    const dice = new Dice(seed);
    const world = newWorld({ flags: ["--leader-elect=false"], random: dice.random });
    world.start();
    world.apply("box");
    await world.ready("box");
    const { id } = onlyMachine(world);
    const object = () => world.get("box");
    const serves = () =>
      world.sim.console.machine(id).state === (object()?.spec.powerState === "Stopped" ? "off" : "ready");
    const watch = watching(world, { object, serves });
    watch.changes();
    for (let i = 0; i < 16; i++) {
      const what = dice.of("console stops", "console restarts", "user stops", "setting");
      const before = watch.longest.wronglyFalse;
      if (what === "console stops") world.sim.console.stop(id);
      if (what === "console restarts") world.sim.console.restart(id);
      if (what === "user stops") world.edit("box", { spec: { powerState: "Stopped" } });
      if (what === "setting")
        world.edit("box", { spec: { autoShutdown: { timeoutHours: dice.of(1, 24, 48) } } });
      await world.clock.advance(dice.of(20 * MINUTE, HOUR, 3 * HOUR));
      if (what === "user stops") {
        world.edit("box", { spec: { powerState: "Running" } });
        await world.clock.advance(HOUR);
      }
      const changes = watch.changes();
      expect(changes.length, `changes of Ready after: ${what}: ${changes.join("\n")}`).toBeLessThanOrEqual(4);
      expect(watch.longest.wronglyTrue, what).toBeLessThanOrEqual(LAG_MS);
      expect(watch.longest.wronglyFalse - before, what).toBeLessThanOrEqual(LAG_MS);
      expect(world.condition("box", "Ready")).toMatchObject({ status: "True" });
    }
    await rest(world, watch);
  }, 120_000);
});

const readyInstances = ({ runs }: DeploymentRecord) =>
  runs.filter((run) => !run.isEnding).flatMap(({ instances }) => instances.filter(({ isReady }) => isReady))
    .length;

describe.each(SEEDS)("days of a deployment, seed %i", (seed) => {
  it("Ready follows what is true, and rest costs nothing", async () => {
    const dice = new Dice(seed);
    const world = newWorld({ flags: ["--leader-elect=false"], random: dice.random });
    world.start();
    world.deployments.apply("web", { replicas: 2 });
    await world.deployments.ready("web");
    const { id } = onlyDeployment(world);
    const serves = () =>
      readyInstances(world.sim.console.deployments.deployment(id)) >=
      (world.deployments.get("web")?.spec.replicas ?? 1);
    const watch = watching(world, { object: () => world.deployments.get("web"), serves });
    watch.changes();
    for (let i = 0; i < 16; i++) {
      const what = dice.of("crash", "fails for long", "image", "autoscaler", "console scales");
      const { deployments } = world.sim.console;
      if (what === "crash") deployments.crash(id);
      if (what === "fails for long") {
        deployments.fail(id, dice.of("unready", "crash"));
        await world.clock.advance(dice.of(5 * MINUTE, 40 * MINUTE));
        deployments.recover(id);
      }
      if (what === "image") world.deployments.edit("web", { spec: { image: `ghcr.io/acme/model:${i}` } });
      if (what === "console scales") deployments.scale(id, dice.of(1, 3, 5));
      if (what === "autoscaler")
        for (let step = 0; step < 30; step++) {
          world.deployments.edit("web", { spec: { replicas: dice.of(1, 2, 3, 4) } });
          await world.clock.advance(dice.of(15_000, 30_000, 90_000));
        }
      await world.clock.advance(dice.of(40 * MINUTE, HOUR, 3 * HOUR));
      const changes = watch.changes();
      if (what !== "autoscaler")
        expect(changes.length, `changes of Ready after: ${what}: ${changes.join("\n")}`).toBeLessThanOrEqual(
          4,
        );
      expect(watch.longest.wronglyTrue, what).toBeLessThanOrEqual(LAG_MS);
      expect(watch.longest.wronglyFalse, what).toBeLessThanOrEqual(LAG_MS);
      expect(world.deployments.condition("web", "Ready")).toMatchObject({ status: "True" });
    }
    await rest(world, watch);
  }, 120_000);
});
