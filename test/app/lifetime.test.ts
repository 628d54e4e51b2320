/** Machines with a lifetime, under the whole operator (docs/schedules.md). It deletes machines: most tests are of when it does not. */
import { describe, expect, it } from "vitest";
import type { DeclaredSpec, MachineSpec } from "../../src/kinds/machine/types.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { calls, checkTraffic, eventNotes, newWorld, onlyMachine } from "../support/scenario-world.ts";
import { MACHINES, NAMESPACE, type VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TEAM = "te-alpha";

checkTraffic();

type Lifetime = NonNullable<DeclaredSpec["lifetime"]>;

const reason = (world: VirtualWorld) => world.condition("box", "Ready")?.reason;
const status = (world: VirtualWorld) => world.get("box")?.status;
const isOff = (world: VirtualWorld) => onlyMachine(world).state === "off";
const isThere = (world: VirtualWorld) => world.machines().length > 0;
const sent = (world: VirtualWorld, verb: string) => calls(world, "PATCH", new RegExp(`/${verb}$`)).length;
const deletes = (world: VirtualWorld) => calls(world, "DELETE", /machines/).length;
const warnings = (world: VirtualWorld) => eventNotes(world, "ExpiresSoon", "box");
const inMs = (world: VirtualWorld, ms: number) => new Date(world.clock.now() + ms).toISOString();
const objectWrites = (world: VirtualWorld) =>
  world.kube.calls.filter(({ method, path }) => method !== "GET" && /\/paperspacemachines\//.test(path))
    .length;

function annotate(world: VirtualWorld, name: keyof typeof ANNOTATION, value: string | null): void {
  world.edit("box", { metadata: { annotations: { [ANNOTATION[name]]: value } } });
}

function launch(world: VirtualWorld) {
  return world.start(world.kube, ["--leader-elect=false", "--resync-interval=20m"]);
}

/** A machine that is up, and since when. */
async function up(lifetime: Lifetime | undefined, spec: Partial<DeclaredSpec> = {}) {
  const world = newWorld();
  const process = launch(world);
  world.apply("box", { ...(lifetime && { lifetime }), ...spec } as Partial<MachineSpec>);
  await world.ready("box");
  return { world, process, since: world.clock.now() };
}

const expired = (world: VirtualWorld) =>
  world.until("it is over", () => !isThere(world) && reason(world) === "Expired", 30 * DAY);

describe("stopAfter", () => {
  it("stops the machine so long after its start, and nothing but another start has it on again", async () => {
    const { world } = await up({ stopAfter: "8h" });
    await world.clock.advance(7 * HOUR + 55 * MINUTE);
    expect(isOff(world)).toBe(false);
    await world.clock.advance(7 * MINUTE);
    await world.until("it is reported", () => reason(world) === "LifetimeStopped");
    expect(world.condition("box", "Ready")?.status).toBe("True");
    expect(world.condition("box", "Running")).toMatchObject({ status: "False", reason: "LifetimeStopped" });
    annotate(world, "awakeUntil", inMs(world, 3 * HOUR));
    await world.clock.advance(2 * HOUR);
    expect(isOff(world)).toBe(true);
    annotate(world, "awakeUntil", null);
    annotate(world, "startRequestedAt", inMs(world, 0));
    await world.ready("box");
    await world.clock.advance(7.5 * HOUR);
    expect(isOff(world)).toBe(false);
    await world.until("it is over again", () => isOff(world) && reason(world) === "LifetimeStopped");
  });

  it("counts from the start that another actor made while the operator was down", async () => {
    const { world, process } = await up({ stopAfter: "8h" });
    const { id } = onlyMachine(world);
    await process.stop();
    await world.clock.advance(4 * HOUR);
    world.sim.console.stop(id);
    await world.clock.advance(HOUR);
    world.sim.console.start(id);
    await world.clock.advance(HOUR);
    launch(world);
    await world.clock.advance(5 * HOUR);
    expect(isOff(world)).toBe(false);
  });

  it("goes on from each start of the schedule, and is over between them", async () => {
    const schedule = { timeZone: "UTC", start: "0 8 * * *", stop: "0 22 * * *" };
    const world = newWorld();
    launch(world);
    world.apply("box", { lifetime: { stopAfter: "2h" }, schedule });
    for (const [hour, off] of [
      [9, false],
      [11, true],
      [33, false],
      [35, true],
    ] as const) {
      await world.clock.advance(Date.UTC(2026, 0, 1, hour) - world.clock.now());
      expect({ hour, off: isOff(world) }).toEqual({ hour, off });
    }
  });

  it("is moved by an extension", async () => {
    const { world } = await up({ stopAfter: "2h" });
    annotate(world, "extendedUntil", inMs(world, 5 * HOUR));
    await world.clock.advance(4.9 * HOUR);
    expect(isOff(world)).toBe(false);
    await world.until("it is over", () => reason(world) === "LifetimeStopped");
  });
});

describe("deleteAfter", () => {
  it("warns once, deletes the machine, keeps the object, and makes no other one before the lifetime changes", async () => {
    const { world, since } = await up({ deleteAfter: "2d", warnBefore: "6h" });
    await world.clock.advance(since + 1.75 * DAY - world.clock.now() - 5 * MINUTE);
    expect(world.condition("box", "ExpiresSoon")).toBeUndefined();
    await world.clock.advance(10 * MINUTE);
    expect(world.condition("box", "ExpiresSoon")?.status).toBe("True");
    await world.clock.advance(6 * HOUR - 10 * MINUTE);
    expect({ there: isThere(world), ready: reason(world) }).toEqual({ there: true, ready: "Available" });
    await expired(world);
    expect(world.clock.now() - since).toBeLessThan(2 * DAY + HOUR);
    expect(warnings(world)).toHaveLength(1);
    expect(world.condition("box", "Ready")).toMatchObject({ status: "True", reason: "Expired" });
    expect(world.condition("box", "Running")).toMatchObject({ status: "False", reason: "Expired" });
    const writes = objectWrites(world);
    await world.clock.advance(DAY);
    expect({ writes: objectWrites(world), there: isThere(world), deletes: deletes(world) }).toEqual({
      writes,
      there: false,
      deletes: 1,
    });
    world.edit("box", { spec: { lifetime: { deleteAfter: "1d", warnBefore: null } } });
    await world.ready("box");
    await world.clock.advance(0.9 * DAY);
    expect(isThere(world)).toBe(true);
  });

  it("counts from when the field was seen first on a machine that is there already", async () => {
    const { world } = await up(undefined);
    await world.clock.advance(DAY);
    world.edit("box", { spec: { lifetime: { deleteAfter: "12h" } } });
    await world.clock.advance(0.45 * DAY);
    expect(isThere(world)).toBe(true);
    await expired(world);
  });

  it("is never sooner than an hour after it was declared or changed, with the warning before", async () => {
    const { world } = await up({ deleteAfter: "30d" });
    await world.clock.advance(6 * HOUR);
    world.edit("box", { spec: { lifetime: { deleteAfter: "1m" } } });
    await world.until("it is warned", () => warnings(world).length > 0);
    await world.clock.advance(58 * MINUTE);
    expect(isThere(world)).toBe(true);
    await expired(world);
  });

  it("ends an adopted machine as well, an hour after the adoption at the soonest", async () => {
    const world = newWorld();
    launch(world);
    const { id } = world.sim.console.create(
      TEAM,
      { machineType: "A4000", region: "ny2", diskSize: 50 },
      "ready",
    );
    await world.clock.advance(DAY);
    world.apply("box", { adoptId: id, lifetime: { deleteAfter: "1m" } });
    await world.ready("box");
    await world.clock.advance(55 * MINUTE);
    expect(isThere(world)).toBe(true);
    await expired(world);
    await world.clock.advance(DAY);
    expect(reason(world)).toBe("Expired");
  });

  it("warns first, for the whole time, where the operator was down when it should have", async () => {
    const { world, process } = await up({ deleteAfter: "1d", warnBefore: "6h" });
    await process.stop();
    await world.clock.advance(2 * DAY);
    launch(world);
    await world.until("it is warned", () => warnings(world).length > 0);
    await world.clock.advance(5.9 * HOUR);
    expect(isThere(world)).toBe(true);
    await expired(world);
  });

  it("counts anew where the status was lost", async () => {
    const { world } = await up({ deleteAfter: "1d" });
    await world.clock.advance(0.9 * DAY);
    world.kube.storage.patch(
      MACHINES,
      NAMESPACE,
      "box",
      { metadata: { name: "box" }, status: { ...status(world), lifetime: null } } as never,
      "status",
    );
    await world.clock.advance(0.5 * DAY);
    expect(isThere(world)).toBe(true);
  });
});

describe("the lifetime is held, and the machine stays past its end,", () => {
  it.each([
    ["by protection", { deletionProtection: true }],
    ["by deletionPolicy Orphan", { deletionPolicy: "Orphan" }],
  ] as const)("%s, which the warning says, at no write", async (_by, spec) => {
    const { world } = await up({ deleteAfter: "2h" }, spec);
    await world.clock.advance(3 * HOUR);
    expect(world.condition("box", "ExpiresSoon")?.message).toContain("is kept");
    const writes = objectWrites(world);
    await world.clock.advance(DAY);
    expect({ there: isThere(world), deletes: deletes(world), writes: objectWrites(world) }).toEqual({
      there: true,
      deletes: 0,
      writes,
    });
  });

  it("by a protection: once that is taken away the user is warned anew before it ends", async () => {
    const { world } = await up({ deleteAfter: "2h" }, { deletionProtection: true });
    await world.clock.advance(DAY);
    world.edit("box", { spec: { deletionProtection: false } });
    await world.clock.advance(55 * MINUTE);
    expect(isThere(world)).toBe(true);
    expect(world.condition("box", "ExpiresSoon")?.message).toContain("is deleted with its disk");
    await expired(world);
  });

  it.each([
    ["by a pause", { metadata: { annotations: { [ANNOTATION.paused]: "true" } } }, "paused"],
    ["by Observe", { spec: { managementPolicy: "Observe" } }, "observed"],
  ] as const)("%s, and after that the user is warned before it ends", async (_by, edit, what) => {
    const { world } = await up({ deleteAfter: "2h" });
    world.edit("box", edit as never);
    await world.clock.advance(4 * HOUR);
    expect({ there: isThere(world), deletes: deletes(world) }).toEqual({ there: true, deletes: 0 });
    const undo =
      what === "paused"
        ? { metadata: { annotations: { [ANNOTATION.paused]: null } } }
        : { spec: { managementPolicy: "Manage" } };
    world.edit("box", undo as never);
    await world.clock.advance(55 * MINUTE);
    expect(isThere(world)).toBe(true);
    await expired(world);
    expect(warnings(world)).toHaveLength(1);
  });

  it("by an extension, until that time; taking it away does not end it before the next hour", async () => {
    const { world } = await up({ deleteAfter: "2h" });
    annotate(world, "extendedUntil", inMs(world, DAY));
    await world.clock.advance(0.5 * DAY);
    expect(isThere(world)).toBe(true);
    annotate(world, "extendedUntil", null);
    await world.clock.advance(55 * MINUTE);
    expect(isThere(world)).toBe(true);
    await expired(world);
  });

  it("but not by an extension beyond what the operator allows, which is reported and never counts", async () => {
    const { world } = await up({ deleteAfter: "12h" });
    annotate(world, "extendedUntil", inMs(world, 30 * DAY));
    await world.until("it is reported", () => reason(world) === "AnnotationRefused");
    expect(world.condition("box", "Stalled")?.message).toContain("--max-extension");
    await expired(world);
  });
});

describe("a time that is longer than anyone waits", () => {
  it("is no end, and breaks nothing", async () => {
    const { world } = await up({ stopAfter: "99999999999999999d", deleteAfter: "99999999999999999d" });
    await world.clock.advance(DAY);
    expect({ there: isThere(world), ready: reason(world) }).toEqual({ there: true, ready: "Available" });
  });
});

describe("deleteAt", () => {
  it("is over for an object that comes later: no machine is made for it", async () => {
    const world = newWorld();
    launch(world);
    world.apply("box", { lifetime: { deleteAt: "2025-12-24T18:00:00Z" } });
    await world.until("it is over", () => reason(world) === "Expired");
    await world.clock.advance(DAY);
    expect(world.sim.world.machines.size).toBe(0);
  });

  it("deletes the machine at that time, and the earlier of the two counts", async () => {
    const { world } = await up({ deleteAt: "2026-01-02T18:00:00Z", deleteAfter: "30d" });
    await world.clock.advance(Date.UTC(2026, 0, 2, 17, 55) - world.clock.now());
    expect(isThere(world)).toBe(true);
    await world.clock.advance(30 * MINUTE);
    expect(isThere(world)).toBe(false);
  });
});

describe("the end of a lifetime", () => {
  it("stops the machine first where the API requires it off, and releases the address as declared", async () => {
    const address = { publicIpType: "static", publicIpReleasePolicy: "Release" } as const;
    const { world } = await up({ deleteAfter: "2h" }, address);
    world.sim.world.setBehaviour({ deleteWhenOn: "error" });
    await expired(world);
    expect(sent(world, "stop")).toBe(1);
    expect(world.sim.console.team(TEAM).staticAddresses).toEqual([]);
  });

  it("is reported as such also while the object is only observed, and nothing is written before it is managed", async () => {
    const { world } = await up({ deleteAfter: "2h" });
    await world.until("it is being deleted", () => deletes(world) === 1, DAY);
    world.edit("box", { spec: { managementPolicy: "Observe" } });
    await world.until("it is gone", () => !isThere(world));
    await world.clock.advance(HOUR);
    expect(world.condition("box", "Ready")?.message).toContain("was deleted by the operator");
    world.edit("box", { spec: { managementPolicy: "Manage" } });
    await expired(world);
  });

  it("that is changed once the deletion was sent comes to an end all the same, and another machine is made", async () => {
    const { world } = await up({ deleteAfter: "2h" });
    const { id } = onlyMachine(world);
    await world.until("it is being deleted", () => deletes(world) === 1, DAY);
    world.edit("box", { spec: { lifetime: { deleteAfter: "30d" } } });
    await world.until("another one is there", () => isThere(world) && onlyMachine(world).id !== id);
    await world.ready("box");
    expect({ deletes: deletes(world), made: world.sim.world.machines.size }).toEqual({ deletes: 1, made: 2 });
  });

  it("is not what another actor deletes: that is made again where the policy says so", async () => {
    const { world } = await up({ deleteAfter: "7d" }, { onExternalDeletion: "Recreate" });
    const { id } = onlyMachine(world);
    world.sim.console.delete(id);
    await world.until("another one is there", () => isThere(world) && onlyMachine(world).id !== id);
    await world.ready("box");
  });

  it("does not start over with a deletion of the object, which goes at once", async () => {
    const { world } = await up({ deleteAfter: "2h" });
    await expired(world);
    world.delete("box");
    await world.gone("box");
    expect(deletes(world)).toBe(1);
  });
});
