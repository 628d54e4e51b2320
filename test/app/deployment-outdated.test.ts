/** A Secret that was read once and cannot be any more: reported, and its old value is sent nowhere. */
import { describe, expect, it } from "vitest";
import { LEASES, type Lease } from "../../src/kube/resource.ts";
import { calls, checkTraffic, running } from "../support/scenario-world.ts";
import {
  edit,
  keep,
  MINUTE,
  message,
  reason,
  stored,
  upserts,
} from "../support/scenario-world-deployments.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const valueFrom = { secretKeyRef: { name: "hub", key: "token" } };
const synced = (world: VirtualWorld) => world.deployments.condition("web", "Synced");

/** A deployment whose Secret the operator may not read since then. */
async function unreadable(): Promise<VirtualWorld> {
  const world = running();
  keep(world, "hub", { token: "first" });
  world.deployments.apply("web", { env: [{ name: "TOKEN", valueFrom }] });
  await world.deployments.ready("web");
  world.kube.intercept = ({ method, path }) =>
    method === "GET" && path.includes("/secrets/hub") ? { fail: "before" } : undefined;
  await world.clock.advance(25 * MINUTE);
  world.sim.calls.clear();
  return world;
}

describe("a Secret that cannot be read any more, after it was", () => {
  it("is reported within two resyncs, and the deployment runs on: what is missing stops nothing", async () => {
    const world = await unreadable();
    expect(synced(world)).toMatchObject({ status: "Unknown", reason: "Unreadable" });
    expect(synced(world)?.message).toMatch(/Secret hub cannot be read/);
    expect(world.deployments.condition("web", "Ready")?.status).toBe("True");
    await world.clock.advance(120 * MINUTE);
    expect(upserts(world)).toEqual([]);
  });

  it("is not sent with another configuration before it is read again: it may be revoked", async () => {
    const world = await unreadable();
    const before = stored(world)?.env?.[0]?.value;
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.clock.advance(30 * MINUTE);
    expect(upserts(world)).toEqual([]);
    expect(reason(world)).toBe("ApiUnavailable");
    expect(message(world)).toMatch(/Secret hub cannot be read/);
    keep(world, "hub", { token: "second" });
    world.kube.intercept = () => undefined;
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(1);
    expect(stored(world)?.image).toBe("ghcr.io/acme/model:2");
    expect(stored(world)?.env?.[0]?.value).not.toBe(before);
    expect(synced(world)?.status).toBe("True");
  });
});

describe("a value of a Secret that was read in an earlier term of this process", () => {
  const LEASE = { ...LEASES, namespaced: true, status: false, generation: false };

  /** Another process leads for a moment, while the value is rotated and another configuration is declared. */
  async function termBetween(): Promise<VirtualWorld> {
    const world = running();
    keep(world, "hub", { token: "revoked" });
    world.deployments.apply("web", { env: [{ name: "TOKEN", valueFrom }] });
    await world.deployments.ready("web");
    world.sim.calls.clear();
    const { namespace, storage } = world.kube;
    const holder = () => (storage.get(LEASE, namespace, world.config.leaderElectName) as Lease).spec;
    const { holderIdentity } = holder() ?? {};
    storage.patch(LEASE, namespace, world.config.leaderElectName, {
      spec: { holderIdentity: "another" },
    } as never);
    // It has seen that it does not lead, and waits until that lease has run out.
    await world.clock.advance(world.config.renewDeadline);
    keep(world, "hub", { token: "rotated" });
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.until("it leads again", () => holder()?.holderIdentity === holderIdentity);
    return world;
  }

  const valuesSent = (world: VirtualWorld) =>
    calls(world, "POST", /\/secrets$/).map(({ body }) => (body as { name: string }).name);

  it("is sent no more: what another process has sent since is not overwritten by it", async () => {
    const world = await termBetween();
    const before = stored(world)?.env?.[0]?.value;
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(1);
    expect(stored(world)).toMatchObject({ image: "ghcr.io/acme/model:2" });
    expect(stored(world)?.env?.[0]?.value).not.toBe(before);
    expect(valuesSent(world)).toHaveLength(1);
  });

  it("is not sent where the Secret cannot be read now either, though it is younger than a resync", async () => {
    const world = await termBetween();
    world.kube.intercept = ({ method, path }) =>
      method === "GET" && path.includes("/secrets/hub") ? { fail: "before" } : undefined;
    await world.clock.advance(5 * MINUTE);
    expect(upserts(world)).toEqual([]);
    world.kube.intercept = () => undefined;
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(1);
  });
});
