/**
 * A machine whose object went without the operator goes on costing: it is reported, once and with its id, also where
 * nobody saw the object go. It is never deleted, for nothing proves that it is not wanted.
 */
import { describe, expect, it } from "vitest";
import { checkTraffic, eventNotes, newWorld, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const MINUTE = 60_000;
const OWN = "paperspace-operator-cluster";

const idOf = (world: VirtualWorld, name: string) => world.get(name)?.status?.id ?? "";
/** As `kubectl replace` or an editor does it: no finalizer holds the object. */
function strip(world: VirtualWorld, name: string): void {
  world.edit(name, { metadata: { finalizers: null } });
  world.delete(name);
}
const deletes = (world: VirtualWorld) => world.sim.calls.list({ method: "DELETE", path: /\/machines\// });

/** Two machines; the object of one goes while no operator runs. */
async function lostWhileDown(spec = {}) {
  const world = newWorld();
  const first = world.start();
  for (const name of ["box", "lost"]) {
    world.apply(name, name === "lost" ? spec : {});
    await world.ready(name);
  }
  const id = idOf(world, "lost");
  await first.stop();
  strip(world, "lost");
  world.sim.calls.clear();
  return { world, id };
}

describe("a machine whose object went while no operator ran", () => {
  it("is reported once, with its id and what to do, and is not deleted", async () => {
    const { world, id } = await lostWhileDown();
    const process = world.start();
    await world.until("it is reported", () => eventNotes(world, "LeftBehind", OWN).length > 0);
    await world.clock.advance(120 * MINUTE);
    await process.stop();
    world.start();
    await world.clock.advance(60 * MINUTE);
    const notes = eventNotes(world, "LeftBehind", OWN);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain(`machine ${id}`);
    expect(notes[0]).toContain(`spec.adoptId: ${id}`);
    expect(notes[0]).toContain("may go on costing");
    expect(await world.metrics()).toContain(
      'paperspace_unowned_resources{controller="paperspacemachines"} 1',
    );
    expect(world.machines()).toHaveLength(2);
    expect(deletes(world)).toEqual([]);
  });

  it("is not counted any more once an object adopts it", async () => {
    const { world, id } = await lostWhileDown();
    world.start();
    await world.until("it is reported", () => eventNotes(world, "LeftBehind", OWN).length > 0);
    world.apply("again", { adoptId: id });
    await world.ready("again");
    await world.clock.advance(20 * MINUTE);
    expect(await world.metrics()).toContain(
      'paperspace_unowned_resources{controller="paperspacemachines"} 0',
    );
  });

  it("is not what an object has under any name, nor what another actor made", async () => {
    const world = running();
    world.apply("box", { name: "renamed" });
    world.apply("other");
    await world.ready("box");
    await world.ready("other");
    world.sim.console.create("te-alpha", { name: "by-hand-0123456789ab" });
    world.delete("other");
    await world.gone("other");
    await world.clock.advance(120 * MINUTE);
    expect(eventNotes(world, "LeftBehind", OWN)).toEqual([]);
  });
});

describe("an object that went while its watch was broken", () => {
  async function missed(how: (world: VirtualWorld) => void | Promise<void>) {
    const world = running();
    for (const name of ["box", "lost"]) {
      world.apply(name);
      await world.ready(name);
    }
    const id = idOf(world, "lost");
    world.kube.intercept = ({ path, method }) =>
      method === "GET" && path.endsWith("/paperspacemachines") ? { fail: "before" } : undefined;
    world.kube.cutStreams();
    await how(world);
    world.kube.compact();
    world.kube.intercept = () => undefined;
    await world.clock.advance(10 * MINUTE);
    return { world, id };
  }

  it("is reported where its machine is still there", async () => {
    const { world, id } = await missed((one) => strip(one, "lost"));
    expect(eventNotes(world, "LeftBehind", "lost")).toHaveLength(1);
    expect(eventNotes(world, "LeftBehind", "lost")[0]).toContain(`machine ${id}`);
    expect(world.machines()).toHaveLength(2);
  });

  it("is not reported where its machine was deleted as well", async () => {
    const { world } = await missed(async (one) => {
      one.sim.console.delete(idOf(one, "lost"));
      await one.clock.advance(5 * MINUTE);
      strip(one, "lost");
    });
    expect(eventNotes(world, "LeftBehind", "lost")).toEqual([]);
  });
});
