/**
 * A deployment that is gone, and an upsert that the API takes for a new one: what that made would cost money without an
 * owner. It is noted, and deleted by a pass of its own, also by another process.
 */
import { expect, it } from "vitest";
import { checkTraffic, newWorld, onlyDeployment } from "../support/scenario-world.ts";
import {
  beforeFirst,
  deletes,
  edit,
  MINUTE,
  reason,
  status,
  upserts,
} from "../support/scenario-world-deployments.ts";
import type { Process, VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const UPSERT = /^after POST .*\/deployments$/;
const NOTE = /^after PATCH .*\/paperspacedeployments\/web\/status$/;
const DELETE = /^before DELETE .*\/deployments\//;

/** A Ready deployment; the API goes by the name where it does not know the id. */
async function goingAway(): Promise<{ world: VirtualWorld; process: Process; id: string }> {
  const world = newWorld();
  const process = world.start();
  world.deployments.apply("web");
  await world.deployments.ready("web");
  world.sim.world.setBehaviour({ unknownDeploymentId: "byName", deploymentDeleteMs: 20_000 });
  const { id } = onlyDeployment(world);
  process.edge.calls.length = 0;
  world.sim.calls.clear();
  return { world, process, id };
}

/** Another actor deletes it, and while it goes the user changes the spec: the upsert makes another one. */
function makeStray(world: VirtualWorld, id: string): void {
  world.sim.console.deployments.delete(id);
  edit(world, { image: "ghcr.io/acme/model:2" });
}

const strays = (world: VirtualWorld, id: string) => world.deployed().filter((other) => other.id !== id);
const noted = (world: VirtualWorld) =>
  status(world)?.operation?.intent === "DeleteStray" ? status(world)?.operation?.target : undefined;

/** The process dies right after the call. Returns whether it has died. */
function dieAfter(process: Process, isMeant: (call: string) => boolean): () => boolean {
  const { edge } = process;
  edge.onPass = (call) => {
    if (isMeant(call)) process.kill();
  };
  return () => edge.dead;
}

it("is deleted in a step of its own, after the status has its id: one cloud write a pass", async () => {
  const { world, process, id } = await goingAway();
  const seen: (string | undefined)[] = [];
  beforeFirst(world, "DELETE", /\/deployments\//, () => seen.push(noted(world), strays(world, id)[0]?.id));
  makeStray(world, id);
  await world.until("it is deleted", () => seen.length > 0);
  expect(seen[0]).toBeDefined();
  expect(seen[1]).toBe(seen[0]);
  const { calls } = process.edge;
  const sent = calls.findIndex((call) => UPSERT.test(call));
  const deleted = calls.findIndex((call) => DELETE.test(call));
  expect(calls.slice(sent, deleted).some((call) => NOTE.test(call))).toBe(true);
  await world.clock.advance(10 * MINUTE);
  expect(upserts(world)).toHaveLength(1);
  expect(deletes(world)).toHaveLength(1);
  expect(world.deployed()).toEqual([]);
  expect(status(world)?.operation).toBeUndefined();
  expect(reason(world)).toBe("ExternallyDeleted");
});

it("is deleted by the next process where this one dies between the two writes", async () => {
  const { world, process, id } = await goingAway();
  const isDead = dieAfter(process, (call) => NOTE.test(call) && noted(world) !== undefined);
  makeStray(world, id);
  await world.until("it is noted", isDead);
  await world.clock.advance(10 * MINUTE);
  expect(strays(world, id)).toHaveLength(1);
  world.start();
  await world.until("it is deleted", () => strays(world, id).length === 0);
  await world.clock.advance(10 * MINUTE);
  expect(deletes(world)).toHaveLength(1);
  expect(world.deployed()).toEqual([]);
});

it("stays where the process dies before its id is noted: a name alone does not prove whose it is", async () => {
  const { world, process, id } = await goingAway();
  const isDead = dieAfter(process, (call) => UPSERT.test(call));
  makeStray(world, id);
  await world.until("it is made", isDead);
  world.start();
  await world.deployments.reports("web", "ExternallyDeleted");
  expect(strays(world, id)).toHaveLength(1);
  expect(deletes(world)).toEqual([]);
});

it("stays where another actor has changed it before it could be deleted: then somebody uses it", async () => {
  const { world, process, id } = await goingAway();
  const isDead = dieAfter(process, (call) => NOTE.test(call) && noted(world) !== undefined);
  makeStray(world, id);
  await world.until("it is noted", isDead);
  const [stray] = strays(world, id);
  world.sim.console.deployments.edit(stray?.id ?? "", { image: "ghcr.io/acme/theirs:1" });
  world.start();
  await world.until("the note is gone", () => noted(world) === undefined);
  await world.clock.advance(10 * MINUTE);
  expect(strays(world, id)).toHaveLength(1);
  expect(deletes(world)).toEqual([]);
});

it.each(["Delete", "Orphan"] as const)(
  "goes before its object does, whose deletionPolicy is %s: nothing would lead to it any more",
  async (deletionPolicy) => {
    const { world, process, id } = await goingAway();
    edit(world, { deletionPolicy });
    const isDead = dieAfter(process, (call) => NOTE.test(call) && noted(world) !== undefined);
    makeStray(world, id);
    await world.until("it is noted", isDead);
    world.deployments.delete("web");
    world.start();
    await world.deployments.gone("web");
    expect(deletes(world).length).toBeGreaterThan(0);
    await world.clock.advance(MINUTE);
    expect(world.deployed()).toEqual([]);
  },
);
