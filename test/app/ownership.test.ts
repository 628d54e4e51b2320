/**
 * Who owns what, over the whole operator: what a user of one namespace may do to the resources of another, with the same
 * key and with another one. docs/design.md, Record, cites these tests by name.
 */
import { describe, expect, it } from "vitest";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import {
  calls,
  checkTraffic,
  eventNotes,
  newWorld,
  onlyMachine,
  running,
} from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const TEAM = "te-alpha";
const MINUTE = 60_000;
const OTHER = "other";

checkTraffic();

const condition = (world: VirtualWorld, name: string, type: string, namespace = "default") =>
  world.condition(name, type, world.kube, namespace);
const reason = (world: VirtualWorld, name: string, namespace = "default") =>
  condition(world, name, "Ready", namespace)?.reason;
const writes = (world: VirtualWorld) =>
  world.sim.calls.list().filter(({ method }) => method !== "GET" && method !== "HEAD");
const annotate = (
  world: VirtualWorld,
  name: string,
  annotations: Record<string, string | null>,
  namespace = "default",
) => world.edit(name, { metadata: { annotations } }, world.kube, namespace);

/** A world with the machine of `victim`, and with another namespace that has a key of the same team. */
async function withVictim(flags: string[] = []): Promise<{ world: VirtualWorld; id: string }> {
  const world = running(flags);
  world.secret("sim-key-alpha", OTHER);
  world.apply("victim");
  await world.ready("victim");
  const id = world.get("victim")?.status?.id ?? "";
  world.sim.calls.clear();
  return { world, id };
}

/** An object of the other namespace that has done nothing yet, and its UID. */
async function thief(world: VirtualWorld, spec: object = {}): Promise<string> {
  world.apply("thief", spec, { namespace: OTHER, annotations: { [ANNOTATION.paused]: "true" } });
  await world.clock.advance(MINUTE);
  return world.get("thief", world.kube, OTHER)?.metadata.uid ?? "";
}

describe("a record that was written by a user", () => {
  it("does not delete, stop or restart the machine that it names: the status vouches for none", async () => {
    const { world, id } = await withVictim();
    const uid = await thief(world, { powerState: "Stopped" });
    const record = JSON.stringify({ id, team: TEAM, name: "", uid });
    const requested = { [ANNOTATION.restartRequestedAt]: "1" };
    annotate(world, "thief", { [ANNOTATION.record]: record, [ANNOTATION.paused]: null, ...requested }, OTHER);
    await world.clock.advance(10 * MINUTE);
    expect(reason(world, "thief", OTHER)).toBe("IdentityConflict");
    expect(condition(world, "thief", "Stalled", OTHER)?.message).toContain(
      `kubectl annotate psm/thief -n ${OTHER} --overwrite paperspace.com/adopt=${id}@${uid}`,
    );
    world.delete("thief", world.kube, OTHER);
    await world.clock.advance(10 * MINUTE);
    expect(world.get("thief", world.kube, OTHER)).toBeUndefined();
    expect(writes(world)).toEqual([]);
    expect(onlyMachine(world)).toMatchObject({ id, state: "ready" });
  });

  it("does not show the desktop password of the machine that it names", async () => {
    const { world, id } = await withVictim();
    const uid = await thief(world, { desktopSecretRef: { name: "desktop" } });
    const record = JSON.stringify({ id, team: TEAM, name: "", uid });
    annotate(world, "thief", { [ANNOTATION.record]: record, [ANNOTATION.paused]: null }, OTHER);
    await world.clock.advance(10 * MINUTE);
    expect(world.getSecret(OTHER, "desktop")).toBeUndefined();
  });

  it("is settled by the line of the message only where no other object owns the machine", async () => {
    const { world, id } = await withVictim();
    const uid = await thief(world);
    const record = JSON.stringify({ id, team: TEAM, name: "", uid });
    const annotations = { [ANNOTATION.record]: record, [ANNOTATION.adopt]: `${id}@${uid}` };
    annotate(world, "thief", { ...annotations, [ANNOTATION.paused]: null }, OTHER);
    await world.clock.advance(10 * MINUTE);
    expect(reason(world, "thief", OTHER)).toBe("AlreadyOwned");
    world.delete("thief", world.kube, OTHER);
    await world.clock.advance(10 * MINUTE);
    expect(writes(world)).toEqual([]);
    expect(onlyMachine(world).id).toBe(id);
  });

  it("is replaced by the truth while the object's own create is searched for", async () => {
    const { world, id } = await withVictim();
    world.sim.faults.add({ match: { method: "POST", path: "/machines$" }, do: { cut: "after" } });
    world.apply("thief", {}, { namespace: OTHER });
    const status = () => world.get("thief", world.kube, OTHER)?.status;
    await world.until("its answer is lost", () => status()?.operation?.intent === "Create");
    const { uid } = world.get("thief", world.kube, OTHER)?.metadata ?? {};
    const name = status()?.operation?.name;
    annotate(world, "thief", { [ANNOTATION.record]: JSON.stringify({ id, team: TEAM, name, uid }) }, OTHER);
    await world.until("its own is found", () => status()?.id !== undefined);
    expect(status()?.id).not.toBe(id);
    world.delete("thief", world.kube, OTHER);
    await world.until("it is gone", () => world.get("thief", world.kube, OTHER) === undefined);
    expect(onlyMachine(world).id).toBe(id);
  });

  it("is no conflict once the status vouches for it: kubectl replace keeps the status", async () => {
    const { world, id } = await withVictim();
    annotate(world, "victim", { [ANNOTATION.record]: null });
    await world.until(
      "it is restored",
      () => world.get("victim")?.metadata.annotations?.[ANNOTATION.record] !== undefined,
    );
    await world.clock.advance(10 * MINUTE);
    expect(writes(world)).toEqual([]);
    expect(world.get("victim")?.status?.id).toBe(id);
  });
});

describe("an attempt that was written by a user", () => {
  it("takes over no machine of the name that it gives: it was never sent, and is closed", async () => {
    const { world, id } = await withVictim();
    const { name } = onlyMachine(world).settings;
    const uid = await thief(world);
    const attempt = { name, team: TEAM, uid, time: "2026-01-01T00:00:00Z" };
    annotate(
      world,
      "thief",
      { [ANNOTATION.createPending]: JSON.stringify(attempt), [ANNOTATION.paused]: null },
      OTHER,
    );
    const status = () => world.get("thief", world.kube, OTHER)?.status;
    await world.until("it has one of its own", () => reason(world, "thief", OTHER) === "Available");
    expect(status()?.id).not.toBe(id);
    expect(world.machines()).toHaveLength(2);
  });

  it("that was announced by a process which died before its mirror was in status costs no search", async () => {
    const world = newWorld();
    const first = world.start();
    let announced = false;
    first.edge.onPass = (call) => {
      if (!call.startsWith("after PATCH") || call.endsWith("/status")) return;
      const annotations = world.get("box")?.metadata.annotations ?? {};
      if (annotations[ANNOTATION.createPending] === undefined || announced) return;
      announced = true;
      first.kill();
    };
    world.apply("box");
    await world.until("it is announced", () => announced);
    world.start();
    const at = world.clock.monotonic();
    await world.ready("box");
    expect(world.clock.monotonic() - at).toBeLessThan(3 * MINUTE);
    expect(calls(world, "POST", /\/machines$/)).toHaveLength(1);
  });
});

describe("the id of what was created", () => {
  it("is in status before it is in the annotation: only what the status says is believed", async () => {
    const world = newWorld();
    const operator = world.start();
    const seen: unknown[] = [];
    operator.edge.onPass = (call) => {
      if (!call.startsWith("after PATCH") || !call.includes("/paperspacemachines/box")) return;
      const { metadata, status } = world.get("box") ?? {};
      const record = metadata?.annotations?.[ANNOTATION.record];
      if (status?.id !== undefined) seen.push({ vouched: status.ownedSince !== undefined, record: !!record });
    };
    world.apply("box");
    await world.ready("box");
    expect(seen[0]).toEqual({ vouched: true, record: false });
    expect(seen[1]).toEqual({ vouched: true, record: true });
    expect(eventNotes(world, "Created", "box")).toHaveLength(1);
  });
});
