/** Where the guarantees of docs/fidelity.md end: vendors whose lists prove less than the operator rests on. */
import { afterEach, describe, expect, it } from "vitest";
import { machineLife } from "../support/mutated-life.ts";
import { VirtualWorld, type WorldOptions } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const worlds: VirtualWorld[] = [];
afterEach(() => Promise.all(worlds.splice(0).map((world) => world.end())));

function worldOf(mutations: readonly string[], options: WorldOptions = {}): VirtualWorld {
  const simulation = { vendorOpenapi: false, mutations } as const;
  const world = new VirtualWorld({ flags: ["--leader-elect=false"], simulation, ...options });
  worlds.push(world);
  return world;
}

/** The next create takes effect, and its answer is lost. */
const loseAnswer = ({ sim }: VirtualWorld) =>
  sim.faults.add({ match: { method: "POST", path: "/machines$", times: 1 }, do: { cut: "after" } });

const creates = ({ sim }: VirtualWorld) =>
  sim.calls.list().filter(({ method, path }) => method === "POST" && path.endsWith("/machines")).length;

describe("lists that lag by 300 s, past the window of 225 s", () => {
  it("cost a second machine after a lost answer at the default flags, and the first one is reported", async () => {
    const world = worldOf(["lists-lag-300s"]);
    loseAnswer(world);
    world.start();
    world.apply("box");
    await world.until("the machine is Ready", () => world.condition("box", "Ready")?.status === "True", HOUR);
    await world.clock.advance(HOUR);
    const [lost, owned] = [...world.sim.world.machines.values()];
    expect(world.sim.world.machines.size).toBe(2);
    expect(world.get("box")?.status).toMatchObject({
      id: owned?.id,
      leaks: [expect.stringContaining(lost?.id ?? "")],
    });
    // Not ours for certain: it is reported, and not deleted.
    expect(lost?.dtDeleted).toBeNull();
  });

  it("cost none with --attempt-settle 6m: the machine is made once, and its whole life is as with honest lists", async () => {
    await machineLife({
      mutations: ["lists-lag-300s"],
      flags: ["--attempt-settle=6m"],
      answerLost: true,
    });
  });
});

/** Hundreds of pages each time. */
describe("lists that never end", () => {
  it("prove nothing: an attempt stays open, and goes on as soon as one list ends", async () => {
    const world = worldOf(["pages-endless"]);
    loseAnswer(world);
    world.start();
    world.apply("box");
    await world.clock.advance(HOUR);
    expect(creates(world)).toBe(1);
    const ready = world.condition("box", "Ready");
    expect(ready?.status).toBe("False");
    expect(ready?.message).toMatch(/pages/);
    world.sim.mutations.clear();
    await world.until("the machine is Ready", () => world.condition("box", "Ready")?.status === "True", HOUR);
    expect(world.sim.world.machines.size).toBe(1);
  }, 120_000);

  it("leave what is there as declared, and release nothing before one list ends", async () => {
    const world = worldOf([]);
    world.start();
    world.apply("box");
    await world.until("the machine is Ready", () => world.condition("box", "Ready")?.status === "True", HOUR);
    world.sim.mutations.use(["pages-endless"]);
    world.edit("box", { spec: { powerState: "Stopped" } });
    const [machine] = [...world.sim.world.machines.values()];
    await world.until("the machine is off", () => machine?.state === "off", HOUR);
    world.delete("box");
    await world.until("the machine is deleted", () => machine?.dtDeleted !== null, HOUR);
    await world.clock.advance(HOUR);
    expect(world.get("box")?.metadata.deletionTimestamp).toBeDefined();
    world.sim.mutations.clear();
    await world.until("the object is released", () => world.get("box") === undefined, HOUR);
    expect(creates(world)).toBe(1);
  }, 120_000);
});
