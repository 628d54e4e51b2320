/** A Secret that was read once and cannot be any more: reported, and its old value is sent nowhere. */
import { describe, expect, it } from "vitest";
import { checkTraffic, running } from "../support/scenario-world.ts";
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
