/**
 * The life of deployments, played with the whole operator over a cluster and an account in memory, in virtual time. A
 * story a test; the simulator's own state is the judge, not what we say of it.
 */
import { describe, expect, it } from "vitest";
import { calls, checkPlayed, onlyDeployment as deployment, running } from "../test/support/played.ts";
import type { VirtualWorld } from "../test/support/virtual-world.ts";
import { ANNOTATION } from "./reconcile/record.ts";

const PROJECT = "p-alpha";
const MINUTE = 60_000;

checkPlayed();

const upserts = (world: VirtualWorld) => calls(world, "POST", /\/deployments$/);
const reason = (world: VirtualWorld, type = "Ready", name = "web") =>
  world.deployments.condition(name, type)?.reason;
const message = (world: VirtualWorld, type = "Ready", name = "web") =>
  world.deployments.condition(name, type)?.message ?? "";
const status = (world: VirtualWorld, name = "web") => world.deployments.get(name)?.status;
const spec = (world: VirtualWorld, change: object, name = "web") =>
  world.deployments.edit(name, { metadata: { generation: 0 }, spec: change });

async function ready(more: Parameters<VirtualWorld["deployments"]["apply"]>[1] = {}, flags: string[] = []) {
  const world = running(flags);
  world.deployments.apply("web", more);
  await world.deployments.ready("web");
  world.sim.calls.clear();
  return world;
}

describe("creation", () => {
  it("makes one deployment and is Ready once its rollout is healthy", async () => {
    const world = running();
    world.deployments.apply("web");
    await world.deployments.ready("web");
    expect(deployment(world).specs).toHaveLength(1);
    expect(upserts(world)).toHaveLength(1);
    expect(status(world)).toMatchObject({
      id: deployment(world).id,
      url: expect.stringMatching(/^https:/),
      replicas: 1,
      readyReplicas: 1,
      spec: { hash: expect.any(String), healthyAt: expect.any(String) },
    });
    expect(reason(world, "Healthy")).toBe("Healthy");
    expect(reason(world, "Synced")).toBe("Synced");
  });

  it("leaves a deployment of that name alone that is not its own, until it is told to take it over", async () => {
    const world = running();
    const there = world.sim.console.deployments.create(PROJECT, { name: "web" }, { settled: true });
    world.deployments.apply("web");
    await world.deployments.says("web", "AlreadyExists");
    expect(upserts(world)).toHaveLength(0);
    const uid = world.deployments.get("web")?.metadata.uid;
    world.deployments.edit("web", {
      metadata: { annotations: { [ANNOTATION.adopt]: `${there.id}@${uid}` } },
    });
    await world.deployments.ready("web");
    expect(deployment(world).id).toBe(there.id);
    expect(upserts(world)).toHaveLength(1);
  });
});

describe("a changed spec", () => {
  it("is one upsert, and Ready only for itself", async () => {
    const world = await ready();
    spec(world, { image: "ghcr.io/acme/model:2" });
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(1);
    expect(deployment(world).specs).toHaveLength(2);
  });

  it("is not taken for healthy because the one before it was: what is read first is old", async () => {
    const world = await ready();
    world.sim.world.setBehaviour({ staleSpecMs: 20_000 });
    spec(world, { image: "ghcr.io/acme/does-not-exist:2" });
    await world.until("it was sent", () => upserts(world).length === 1);
    await world.clock.advance(MINUTE);
    expect(world.deployments.condition("web", "Ready")?.status).toBe("False");
    expect(upserts(world)).toHaveLength(1);
  });
});

describe("deletion", () => {
  it("deletes the deployment and then lets the object go", async () => {
    const world = await ready();
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
  });
});

describe("idling", () => {
  it("costs pages of lists, and no write", async () => {
    const world = await ready();
    const before = world.kube.calls.length;
    await world.clock.advance(60 * MINUTE);
    const writes = world.kube.calls
      .slice(before)
      .filter(({ method, path }) => method !== "GET" && !path.includes("leases"));
    expect(writes).toEqual([]);
    expect(message(world)).toContain("healthy");
    expect(
      calls(world, "GET", /./)
        .map(({ path }) => path)
        .filter((path) => !/projects\/p-alpha\/deployments$/.test(path)).length,
    ).toBeLessThan(10);
  });
});
