/**
 * Every field, every transition and every surprise of a machine, run with the whole operator over a cluster and an
 * account in memory, in virtual time. A scenario a test; the checks use the simulator's own state, not the object's
 * status.
 */
import { describe, expect, it } from "vitest";
import { addAccessor } from "../../dev/simulator/world/access.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { calls, checkTraffic, onlyMachine as machine, newWorld, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const TEAM = "te-alpha";
const MINUTE = 60_000;
const DEFAULT_NETWORK = "nalpha0ny2";

checkTraffic();

const writes = (world: VirtualWorld) => world.sim.calls.list().filter(({ method }) => method !== "GET");
const team = (world: VirtualWorld) => world.sim.console.team(TEAM);

/** The only machine as the simulator stores it. */
function inside(world: VirtualWorld) {
  const found = world.sim.console.state().machines.find(({ id }) => id === machine(world).id);
  if (!found) throw new Error("there is no machine");
  return found;
}

function annotate(world: VirtualWorld, name: keyof typeof ANNOTATION, value: string | null): void {
  world.edit("box", { metadata: { annotations: { [ANNOTATION[name]]: value } } });
}

const reason = (world: VirtualWorld, type = "Ready", name = "box") => world.condition(name, type)?.reason;
const message = (world: VirtualWorld, type = "Ready", name = "box") =>
  world.condition(name, type)?.message ?? "";

/** Reasons and notes of all Kubernetes Events of a reason. */
const eventNotes = (world: VirtualWorld, wanted: string) =>
  world.kube.storage.events
    .filter(({ of }) => of.kind === "Event")
    .map(({ object }) => object as unknown as { reason: string; note: string })
    .filter((event) => event.reason === wanted)
    .map(({ note }) => note);

/** A box that is Ready, with calls counted from then on. */
async function ready(spec: Parameters<VirtualWorld["apply"]>[1] = {}, flags: string[] = []) {
  const world = running(flags);
  world.apply("box", spec);
  await world.ready("box");
  world.sim.calls.clear();
  return world;
}

describe("creation", () => {
  it("gives all that can be given at creation in the one create, so that nothing has to be changed afterwards", async () => {
    const world = running();
    const startupScriptId = world.script("boot");
    world.apply("box", {
      machineType: "A100-80Gx8",
      networkId: DEFAULT_NETWORK,
      publicIpType: "static",
      startupScriptId,
      accessors: { userIds: ["ualphauser1"] },
      autoShutdown: { enabled: true, timeoutHours: 8, force: true },
      autoSnapshot: { enabled: true, frequency: "daily", saveCount: 3 },
      restorePoint: { enabled: true, frequency: "shutdown" },
      takeInitialSnapshot: true,
      enableNvlink: true,
      emailPassword: true,
    });
    await world.ready("box");
    expect(inside(world)).toMatchObject({
      networkId: DEFAULT_NETWORK,
      enableNvlink: true,
      emailPassword: true,
      startupScriptIds: [startupScriptId],
      accessorIds: ["ualphauser1"],
    });
    expect(machine(world).settings).toMatchObject({
      publicIpType: "static",
      autoShutdownTimeout: 8,
      autoShutdownForce: true,
      autoSnapshotFrequency: "daily",
      autoSnapshotSaveCount: 3,
      restorePointEnabled: true,
      restorePointFrequency: "shutdown",
    });
    expect(writes(world)).toHaveLength(1);
  });

  it("sends nothing of what is not declared, and no mail with a password: absent means unmanaged", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    expect(Object.keys(calls(world, "POST", /\/machines$/)[0]?.body as object).sort()).toEqual([
      "diskSize",
      "emailPassword",
      "machineType",
      "name",
      "region",
      "startOnCreate",
      "templateId",
    ]);
  });

  it("accepts a machine whose facts are still null, 0 or empty, and corrects nothing that is not wrong", async () => {
    const world = running();
    world.sim.world.setBehaviour({ createPlaceholders: "legacy", detailsMs: 10 * MINUTE });
    world.apply("box", { networkId: DEFAULT_NETWORK, diskSize: 100 });
    await world.ready("box");
    await world.clock.advance(20 * MINUTE);
    expect(writes(world)).toHaveLength(1);
  });
});

describe("a disk", () => {
  it("that is grown by a few percent is grown: it is compared exactly, once its size was set by the object", async () => {
    const world = await ready({ diskSize: 1000, powerState: "Stopped" });
    world.edit("box", { spec: { diskSize: 1074 } });
    await world.ready("box");
    expect(machine(world).diskSize).toBe(1074);
    await world.clock.advance(60 * MINUTE);
    expect(writes(world)).toHaveLength(1);
  });
});

describe("settings", () => {
  it.each([
    ["publicIpType", { publicIpType: "none" }, { publicIpType: "none" }],
    [
      "autoSnapshot",
      { autoSnapshot: { enabled: true, frequency: "weekly", saveCount: 2 } },
      { autoSnapshotEnabled: true, autoSnapshotFrequency: "weekly", autoSnapshotSaveCount: 2 },
    ],
    [
      "restorePoint",
      { restorePoint: { enabled: true, frequency: "shutdown" } },
      { restorePointEnabled: true, restorePointFrequency: "shutdown" },
    ],
  ] as const)("%s is changed by one update, with the machine left running", async (_, spec, settings) => {
    const world = await ready();
    world.edit("box", { spec });
    await world.ready("box");
    expect(machine(world).settings).toMatchObject(settings);
    expect(writes(world).map(({ method }) => method)).toEqual(["PUT"]);
    expect(machine(world).state).toBe("ready");
  });

  it.each(["settings", "migrateEvent"] as const)(
    "moves the machine to another network and waits until it is there (%s)",
    async (networkChange) => {
      const world = await ready();
      world.sim.world.setBehaviour({ networkChange });
      world.edit("box", { spec: { networkId: DEFAULT_NETWORK } });
      await world.ready("box");
      expect(inside(world).networkId).toBe(DEFAULT_NETWORK);
      expect(world.get("box")?.status?.networkId).toBe(DEFAULT_NETWORK);
      expect(calls(world, "PUT", /machines/)).toHaveLength(1);
    },
  );

  it("restores from the snapshot that the spec names", async () => {
    const world = await ready({ takeInitialSnapshot: true });
    await world.clock.advance(MINUTE);
    const snapshot = [...world.sim.world.snapshots.keys()][0] ?? "";
    world.edit("box", {
      spec: { restorePoint: { enabled: true, frequency: "shutdown", snapshotId: snapshot } },
    });
    await world.ready("box");
    expect(machine(world).settings.restorePointSnapshotId).toBe(snapshot);
    expect(world.get("box")?.status?.restorePointSnapshotId).toBe(snapshot);
  });

  it("names field, old and new value in an Event when it corrects a change from the console", async () => {
    const world = await ready({ autoShutdown: { enabled: true, timeoutHours: 8 } });
    world.sim.console.update(machine(world).id, { autoShutdownTimeout: 1 });
    annotate(world, "reconcileRequestedAt", "now");
    await world.until("it is put back", () => machine(world).settings.autoShutdownTimeout === 8);
    await world.until("the Event is written", () => eventNotes(world, "DriftCorrected").length > 0);
    expect(eventNotes(world, "DriftCorrected")).toEqual([
      "put back what was changed: autoShutdown.timeoutHours: 1 → 8",
    ]);
  });

  it("gives a new machine its declared name without an Event of a correction: no other actor changed it", async () => {
    const world = await ready({ name: "display" });
    await world.clock.advance(MINUTE);
    expect(machine(world).settings.name).toBe("display");
    expect(eventNotes(world, "DriftCorrected")).toEqual([]);
    // A later change of the name is one. The naming itself was the first of the five times after which it is contended.
    for (let times = 1; times <= 4; times++) {
      world.sim.console.update(machine(world).id, { name: "other" });
      annotate(world, "reconcileRequestedAt", String(times));
      await world.until("it is put back", () => machine(world).settings.name === "display");
    }
    await world.until("the Events are written", () => eventNotes(world, "DriftCorrected").length === 4);
    world.sim.console.update(machine(world).id, { name: "other" });
    annotate(world, "reconcileRequestedAt", "again");
    await world.until("it is contended", () => reason(world, "Stalled") === "Contended");
  });

  it("is not named without end where settings read old for a while after each write", async () => {
    const world = running([], { simulation: { behaviour: { staleSettingsMs: 5_000 } } });
    world.apply("box", { name: "display" });
    await world.ready("box");
    expect(machine(world).settings.name).toBe("display");
    expect(calls(world, "PUT", /\/machines\//).length).toBeLessThan(10);
  });

  it("reports a refused field and still stops the machine: one bad field must not keep costs running", async () => {
    const world = await ready();
    world.edit("box", {
      spec: {
        restorePoint: { enabled: true, frequency: "shutdown", snapshotId: "snnowhere" },
        powerState: "Stopped",
      },
    });
    await world.until("it is off", () => machine(world).state === "off");
    await world.until("it is reported", () => reason(world, "Stalled") === "Refused");
    expect(message(world, "Stalled")).toMatch(/napshot/);
    world.edit("box", { spec: { restorePoint: null } });
    await world.ready("box");
  });
});

describe("resize", () => {
  it("changes type and disk of a machine that is off, and leaves it off", async () => {
    const world = await ready({ powerState: "Stopped" });
    world.edit("box", { spec: { machineType: "A5000", diskSize: 100 } });
    await world.ready("box");
    expect(machine(world)).toMatchObject({ machineType: "A5000", diskSize: 100, state: "off" });
    expect(writes(world).map(({ method }) => method)).toEqual(["PUT"]);
    expect(world.get("box")?.status).toMatchObject({ machineType: "A5000", storageTotal: 100 * 1024 ** 3 });
  });

  it("waits for a machine that is on and reports how to go on: WhenStopped never stops a running machine", async () => {
    const world = await ready();
    world.edit("box", { spec: { diskSize: 100 } });
    await world.until("it is reported", () => reason(world, "Stalled") === "ResizeNeedsStop");
    expect(message(world, "Stalled")).toMatch(/powerState.*StopAndResize/);
    await world.clock.advance(60 * MINUTE);
    expect(writes(world)).toEqual([]);
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.ready("box");
    expect(machine(world)).toMatchObject({ diskSize: 100, state: "off" });
  });

  it.each(["off", "previous"] as const)(
    "stops, changes and starts again under StopAndResize, once each (the upgrade ends in %s)",
    async (upgradeEndsIn) => {
      const world = await ready({ resizePolicy: "StopAndResize" });
      world.sim.world.setBehaviour({ upgradeEndsIn });
      world.edit("box", { spec: { machineType: "A5000" } });
      await world.ready("box");
      expect(machine(world)).toMatchObject({ machineType: "A5000", state: "ready" });
      const made = writes(world).map(({ method, path }) => `${method} ${path.split("/").at(-1)}`);
      expect(made).toEqual(["PATCH stop", `PUT ${machine(world).id}`, "PATCH start"]);
    },
  );

  it("does not stop a machine for a type that is not available: availability is checked first", async () => {
    const world = await ready({ resizePolicy: "StopAndResize" });
    world.sim.world.setCapacity("A5000", "ny2", 0);
    world.edit("box", { spec: { machineType: "A5000" } });
    await world.until("it waits", () => reason(world) === "WaitingForCapacity");
    await world.clock.advance(20 * MINUTE);
    expect(machine(world).state).toBe("ready");
    expect(writes(world)).toEqual([]);
    world.sim.world.setCapacity("A5000", "ny2", null);
    await world.ready("box");
    expect(machine(world)).toMatchObject({ machineType: "A5000", state: "ready" });
  });

  it("starts the machine again as it was when the new type is refused, reports that, and does not stop it twice for that", async () => {
    const world = await ready({ resizePolicy: "StopAndResize" });
    world.edit("box", { spec: { machineType: "C7" } });
    await world.until("it is reported", () => reason(world, "Stalled") === "ResizeRefused");
    await world.until("it runs", () => machine(world).state === "ready");
    expect(message(world, "Stalled")).toMatch(/another type group.*stays as it is/);
    await world.clock.advance(120 * MINUTE);
    expect(calls(world, "PATCH", /stop/)).toHaveLength(1);
    world.edit("box", { spec: { machineType: "A4000" } });
    await world.ready("box");
    expect(world.get("box")?.status?.resizeRefusal).toBeUndefined();
  });

  it("recovers from an upgrade whose event fails: the machine runs as before, and the next request of the user retries", async () => {
    const world = await ready({ resizePolicy: "StopAndResize" });
    world.sim.console.failNext({ event: "vm-upgrade", error: "host failure" });
    world.edit("box", { spec: { diskSize: 100 } });
    await world.until("it is reported", () => reason(world, "Stalled") === "ResizeRefused");
    await world.until("it runs", () => machine(world).state === "ready");
    expect(message(world, "Stalled")).toContain("host failure");
    annotate(world, "reconcileRequestedAt", "again");
    await world.ready("box");
    expect(machine(world)).toMatchObject({ diskSize: 100, state: "ready" });
  });

  it("reports that a disk cannot shrink, and does nothing about it", async () => {
    const world = await ready({ powerState: "Stopped" });
    world.sim.console.update(machine(world).id, { diskSize: 250 });
    await world.until("it is grown", () => machine(world).diskSize === 250);
    annotate(world, "reconcileRequestedAt", "now");
    await world.until("it is reported", () => reason(world, "Stalled") === "DiskCannotShrink");
    expect(message(world, "Stalled")).toContain("set diskSize to 250");
    world.edit("box", { spec: { diskSize: 250 } });
    await world.ready("box");
    expect(writes(world)).toEqual([]);
  });

  it("a lost answer to the resize leads to one machine of the new type, whatever was lost", async () => {
    const world = await ready({ powerState: "Stopped" });
    world.sim.faults.add({ match: { method: "PUT", times: 4 }, do: { cut: "after" } });
    world.edit("box", { spec: { machineType: "A5000" } });
    await world.ready("box");
    expect(machine(world)).toMatchObject({ machineType: "A5000", state: "off" });
  });
});

describe("power on request", () => {
  it("restarts once for each new value, however often it is reconciled, and whichever process is killed", async () => {
    const world = newWorld();
    const first = world.start();
    world.apply("box");
    await world.ready("box");
    const restarts = () => calls(world, "PATCH", /restart/).length;
    first.edge.onPass = (call) => {
      if (call.startsWith("after PATCH") && call.endsWith("/restart")) first.kill();
    };
    annotate(world, "restartRequestedAt", "1");
    await world.until("it is restarting", () => machine(world).state === "restarting");
    world.start();
    await world.ready("box");
    await world.until("it is noted", () => world.get("box")?.status?.handled?.restart === "1");
    expect(restarts()).toBe(1);
    annotate(world, "restartRequestedAt", "2");
    await world.until("again", () => restarts() === 2);
    await world.ready("box");
    await world.clock.advance(60 * MINUTE);
    expect(restarts()).toBe(2);
  });

  it("does not restart again after a replace that took the record along: status remembers", async () => {
    const world = await ready();
    annotate(world, "restartRequestedAt", "1");
    await world.until("restarted", () => world.get("box")?.status?.handled?.restart === "1");
    await world.ready("box");
    world.edit("box", { metadata: { annotations: { [ANNOTATION.record]: null } } });
    await world.clock.advance(30 * MINUTE);
    await world.ready("box");
    expect(calls(world, "PATCH", /restart/)).toHaveLength(1);
  });

  it("starts a machine that shut itself down, for each new value, and not by itself", async () => {
    const world = await ready({ autoShutdown: { enabled: true, timeoutHours: 1 } });
    world.sim.console.autoShutdown(machine(world).id);
    await world.until("it is reported", () => reason(world) === "AutoShutdown");
    annotate(world, "startRequestedAt", "1");
    await world.until("it runs", () => reason(world) === "Available");
    world.sim.console.autoShutdown(machine(world).id);
    await world.until("it is reported again", () => reason(world) === "AutoShutdown");
    await world.clock.advance(60 * MINUTE);
    expect(calls(world, "PATCH", /start$/)).toHaveLength(1);
  });

  it("takes requests in the manifest as done by making the machine", async () => {
    const world = running();
    world.apply("box", {}, { annotations: { [ANNOTATION.restartRequestedAt]: "1" } });
    await world.ready("box");
    await world.clock.advance(30 * MINUTE);
    expect(calls(world, "PATCH", /restart/)).toEqual([]);
  });

  it("neither starts nor restarts against the spec, and reports that", async () => {
    const world = await ready({ powerState: "Stopped" });
    annotate(world, "restartRequestedAt", "1");
    await world.until("it is reported", () => eventNotes(world, "RequestIgnored").length > 0);
    await world.clock.advance(30 * MINUTE);
    world.edit("box", { spec: { powerState: "Running" } });
    await world.ready("box");
    expect(calls(world, "PATCH", /restart/)).toEqual([]);
  });

  it("a restart whose answer is lost is not sent twice: each one disconnects users", async () => {
    const world = await ready();
    world.sim.faults.add({ match: { method: "PATCH", path: "restart" }, do: { cut: "after" } });
    annotate(world, "restartRequestedAt", "1");
    await world.until("it is noted", () => world.get("box")?.status?.handled?.restart === "1");
    await world.ready("box");
    await world.clock.advance(30 * MINUTE);
    expect(calls(world, "PATCH", /restart/)).toHaveLength(1);
  });
});

describe("capacity", () => {
  it("makes no machine while there is no hardware for it, and reports when there is", async () => {
    const world = running();
    world.sim.world.setCapacity("A4000", "ny2", 0);
    world.apply("box");
    await world.until("it waits", () => reason(world, "Reconciling") === "WaitingForCapacity");
    await world.until("it is late", () => reason(world, "Stalled") === "CapacityUnavailable");
    expect(world.machines()).toEqual([]);
    world.sim.world.setCapacity("A4000", "ny2", 1);
    await world.ready("box");
    expect(eventNotes(world, "CapacityAvailable")).toHaveLength(1);
  });

  it("shares the availability reads between all that need the same, and does not send them all for the one that is free", async () => {
    const world = running();
    const names = Array.from({ length: 20 }, (_, i) => `box-${i}`);
    world.sim.world.setCapacity("A4000", "ny2", 0);
    for (const name of names) world.apply(name);
    await world.until("all wait", () =>
      names.every((name) => reason(world, "Ready", name) === "WaitingForCapacity"),
    );
    world.sim.calls.clear();
    await world.clock.advance(20 * MINUTE);
    expect(calls(world, "GET", /availability/).length).toBeLessThan(20);
    world.sim.world.setCapacity("A4000", "ny2", 1);
    await world.until("one is made", () => world.machines().length > 0);
    await world.clock.advance(5 * MINUTE);
    // A hint is no reservation: two creates may have been sent at once.
    expect(world.machines().length).toBeLessThanOrEqual(2);
  });

  it("works without the hint: where availability cannot be read, the create is tried", async () => {
    const world = running();
    world.sim.world.setBehaviour({ availabilityEndpoint: "absent" });
    world.apply("box");
    await world.ready("box");
  });

  it.each([{ machineType: "A400O" }, { region: "ny3" }])(
    "names unknown hardware, rather than waiting for it: %o",
    async (spec) => {
      const world = running();
      world.apply("box", spec);
      await world.until("it is reported", () => reason(world, "Stalled") === "Refused");
      expect(message(world, "Stalled")).toContain(Object.values(spec)[0]);
    },
  );

  it("reports a start that left the machine off, and goes on by itself", async () => {
    const world = await ready({ powerState: "Stopped" });
    world.sim.world.setBehaviour({ availabilityEndpoint: "absent" });
    world.sim.world.setCapacity("A4000", "ny2", 0);
    world.edit("box", { spec: { powerState: "Running" } });
    await world.until("it is reported", () => reason(world, "Stalled") === "CapacityUnavailable");
    world.sim.world.setCapacity("A4000", "ny2", null);
    await world.ready("box");
  });
});

describe("the account", () => {
  it("reports that the quota is reached before the API refuses, and goes on when a machine is gone", async () => {
    const world = running();
    world.sim.console.setQuota(TEAM, 1);
    const { id } = world.sim.console.create(TEAM);
    world.apply("box");
    await world.until("it is reported", () => reason(world, "Stalled") === "QuotaExceeded");
    expect(message(world, "Stalled")).toMatch(/has 1 machines and may have 1/);
    expect(calls(world, "POST", /machines$/)).toEqual([]);
    world.sim.console.delete(id, true);
    await world.ready("box");
  });

  it("reports what the account lacks with Paperspace's own message, and still stops what runs", async () => {
    const world = await ready();
    world.sim.console.setStanding(TEAM, false, ["Add a payment method"]);
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.ready("box");
    await world.clock.advance(15 * MINUTE);
    world.edit("box", { spec: { powerState: "Running" } });
    await world.until("it is reported", () => reason(world, "Stalled") === "AccountNotInGoodStanding");
    expect(message(world, "Stalled")).toContain("Add a payment method");
    expect(calls(world, "PATCH", /start/)).toEqual([]);
    world.sim.console.setStanding(TEAM, true);
    await world.ready("box");
  });
});

describe("startup script", () => {
  it("assigns another script and unassigns the old one; an empty one unassigns it for good", async () => {
    const world = running();
    const [one, two] = [world.script("one"), world.script("two")];
    world.apply("box", { startupScriptId: one });
    await world.ready("box");
    world.edit("box", { spec: { startupScriptId: two } });
    await world.ready("box");
    expect(inside(world).startupScriptIds).toEqual([two]);
    world.edit("box", { spec: { startupScriptId: "" } });
    await world.ready("box");
    expect(inside(world).startupScriptIds).toEqual([]);
  });

  it("puts back at the next resync what was changed in the console", async () => {
    const world = running();
    const [one, two] = [world.script("one"), world.script("two")];
    world.apply("box", { startupScriptId: one });
    await world.ready("box");
    const { scripts } = world.sim.world;
    scripts.get(one)?.assignedMachineIds.splice(0);
    scripts.get(two)?.assignedMachineIds.push(machine(world).id);
    await world.until("it is put back", () => inside(world).startupScriptIds.join() === one);
    await world.ready("box");
  });

  it("leaves scripts alone that the spec does not manage", async () => {
    const world = await ready();
    const one = world.script("one");
    world.sim.world.scripts.get(one)?.assignedMachineIds.push(machine(world).id);
    await world.clock.advance(30 * MINUTE);
    expect(inside(world).startupScriptIds).toEqual([one]);
    expect(calls(world, "GET", /startup-scripts/)).toEqual([]);
  });

  it("names a script that does not exist, while the machine goes on", async () => {
    const world = await ready();
    world.edit("box", { spec: { startupScriptId: "ssnowhere", powerState: "Stopped" } });
    await world.until("it is off", () => machine(world).state === "off");
    await world.until("it is reported", () => reason(world, "Stalled") === "Refused");
    expect(message(world, "Stalled")).toContain("startup-scripts/ssnowhere");
  });
});

describe("accessors", () => {
  it("are exactly those of the spec, by id and by e-mail in any letter case; others are removed", async () => {
    const world = await ready({ accessors: { userIds: ["ualphauser1"], emails: ["Admin@Alpha.example"] } });
    expect(inside(world).accessorIds.sort()).toEqual(["ualphaadmin", "ualphauser1"]);
    world.edit("box", { spec: { accessors: { userIds: null, emails: ["user@alpha.example"] } } });
    await world.ready("box");
    expect(inside(world).accessorIds).toEqual(["ualphauser1"]);
    world.edit("box", { spec: { accessors: { emails: [] } } });
    await world.ready("box");
    expect(inside(world).accessorIds).toEqual([]);
  });

  it("names the addresses that no user of the team has, adds the others, and goes on when they join", async () => {
    const world = running();
    world.apply("box", { accessors: { emails: ["user@alpha.example", "new@alpha.example"] } });
    await world.until("it is reported", () => reason(world, "Stalled") === "AccessorNotFound");
    expect(message(world, "Stalled")).toContain("new@alpha.example");
    expect(message(world, "Stalled")).not.toContain("user@alpha.example");
    expect(inside(world).accessorIds).toEqual(["ualphauser1"]);
    const { id } = world.sim.console.addUser(TEAM, { email: "new@alpha.example" });
    await world.ready("box");
    expect(inside(world).accessorIds.sort()).toEqual([id, "ualphauser1"].sort());
  });

  it("counts one that is listed as removed for absent", async () => {
    const world = running();
    world.sim.world.setBehaviour({ removedAccessors: "dtDeleted" });
    world.apply("box", { accessors: { userIds: ["ualphauser1"] } });
    await world.ready("box");
    const access = machine(world).accessors[0];
    if (access) access.dtDeleted = new Date(world.clock.now()).toISOString();
    annotate(world, "reconcileRequestedAt", "now");
    await world.until("the user is added again", () => inside(world).accessorIds.length === 1);
  });

  it("are not read again and again: an idle fleet with accessors costs a read in an hour each", async () => {
    const world = await ready({ accessors: { userIds: ["ualphauser1"] } });
    await world.clock.advance(6 * 60 * MINUTE);
    expect(calls(world, "GET", /accessors/).length).toBeLessThanOrEqual(8);
  });
});

describe("addresses", () => {
  it("keeps a static address that the machine leaves behind, and reports that it costs money", async () => {
    const world = await ready({ publicIpType: "static" });
    const address = machine(world).publicIp ?? "";
    world.delete("box");
    await world.gone("box");
    expect(team(world).staticAddresses.map(({ ip }) => ip)).toEqual([address]);
    expect(eventNotes(world, "AddressKept")[0]).toContain(address);
  });

  it("releases it under Release, after the machine is gone", async () => {
    const world = await ready({ publicIpType: "static", publicIpReleasePolicy: "Release" });
    world.delete("box");
    await world.gone("box");
    expect(team(world).staticAddresses).toEqual([]);
    expect(writes(world).map(({ method }) => method)).toEqual(["DELETE", "DELETE"]);
  });

  it("releases it where the machine never came to rest, and the answer to its delete is lost", async () => {
    const world = running();
    world.sim.world.setBehaviour({ staticAddressAt: "create", deleteMs: 100 });
    world.apply("box", { publicIpType: "static", publicIpReleasePolicy: "Release" });
    await world.until("it starts", () => world.get("box")?.status?.state === "starting");
    expect(world.get("box")?.status?.staticIp).toBeUndefined();
    world.sim.faults.add({ match: { method: "DELETE", path: "/machines/" }, do: { cut: "after" } });
    world.delete("box");
    await world.gone("box");
    expect(team(world).staticAddresses).toEqual([]);
  });

  it("releases it as well when the machine gets another kind of address", async () => {
    const world = await ready({ publicIpType: "static", publicIpReleasePolicy: "Release" });
    world.edit("box", { spec: { publicIpType: "dynamic" } });
    await world.ready("box");
    await world.until("it is released", () => team(world).staticAddresses.length === 0);
    expect(eventNotes(world, "AddressReleased")).toHaveLength(1);
    await world.ready("box");
    expect(world.get("box")?.status?.staticIp).toBeUndefined();
  });

  it("does not release what another machine uses by now", async () => {
    const world = await ready({ publicIpType: "static", publicIpReleasePolicy: "Release" });
    const other = world.sim.console.create(TEAM, {}, "ready");
    world.delete("box");
    await world.until("the delete is under way", () => calls(world, "DELETE", /machines/).length > 0);
    await world.until("it is gone", () => world.machines().length === 1);
    for (const address of team(world).staticAddresses) address.machineId = other.id;
    await world.gone("box");
    expect(team(world).staticAddresses).toHaveLength(1);
  });
});

describe("desktop access", () => {
  const DESKTOP = { templateId: "tdesk22u" };
  const access = (world: VirtualWorld, name: string) => {
    const data = world.getSecret("default", name)?.data;
    return (
      data &&
      Object.fromEntries(Object.entries(data).map(([k, v]) => [k, Buffer.from(v, "base64").toString()]))
    );
  };

  it("is written into a Secret of the object's own, refreshed when it changes, and removed with the machine", async () => {
    const world = running(["--resync-interval=1m"]);
    world.apply("box", { ...DESKTOP, desktopSecretRef: { name: "box-desktop" } });
    await world.ready("box");
    const { id } = machine(world);
    const before = access(world, "box-desktop");
    expect(before).toMatchObject({ type: "vnc", host: expect.stringContaining(id), port: "5900" });
    expect(world.getSecret("default", "box-desktop")?.metadata.ownerReferences).toMatchObject([
      { kind: "PaperspaceMachine", name: "box", uid: world.get("box")?.metadata.uid, controller: true },
    ]);
    world.sim.console.renewDesktop(id);
    await world.until("it is refreshed", () => access(world, "box-desktop")?.password !== before?.password);
    const everything = JSON.stringify([
      world.get("box"),
      world.kube.storage.events.filter(({ of }) => of.kind !== "Secret"),
    ]);
    for (const secret of [before?.password, access(world, "box-desktop")?.password])
      expect(everything).not.toContain(secret);
    world.delete("box");
    await world.gone("box");
    expect(world.getSecret("default", "box-desktop")).toBeUndefined();
  });

  it("follows the name in the spec, and is deleted when the name is removed", async () => {
    const world = await ready({ ...DESKTOP, desktopSecretRef: { name: "one" } });
    world.edit("box", { spec: { desktopSecretRef: { name: "two" } } });
    await world.ready("box");
    await world.until(
      "moved",
      () => access(world, "two") !== undefined && !world.getSecret("default", "one"),
    );
    world.edit("box", { spec: { desktopSecretRef: null } });
    await world.until("removed", () => world.getSecret("default", "two") === undefined);
    await world.ready("box");
  });

  it("never touches a Secret that is not the object's: another client may use the name", async () => {
    const world = running();
    world.apply("box", { ...DESKTOP, desktopSecretRef: { name: "paperspace-credentials" } });
    await world.until("it is reported", () => reason(world, "Stalled") === "DesktopSecretTaken");
    expect(Object.keys(world.getSecret()?.data ?? {})).toEqual(["apiKey"]);
  });

  it("reports that a headless machine has none", async () => {
    const world = running();
    world.apply("box", { desktopSecretRef: { name: "box-desktop" } });
    await world.until("it is reported", () => reason(world, "Stalled") === "NoDesktop");
    expect(world.getSecret("default", "box-desktop")).toBeUndefined();
  });
});

describe("history", () => {
  it("shows the last ten events and reports each once, with those from the console", async () => {
    const world = await ready({ autoShutdown: { enabled: true } });
    const { id } = machine(world);
    world.sim.console.restart(id);
    await world.until("the Event is written", () => eventNotes(world, "MachineRestarted").length > 0);
    await world.ready("box");
    for (let i = 0; i < 12; i++) {
      world.sim.console.restart(id);
      await world.clock.advance(3 * MINUTE);
    }
    await world.clock.advance(20 * MINUTE);
    const shown = world.get("box")?.status?.lastEvents ?? [];
    expect(shown.map(({ name, state }) => `${name} ${state}`)).toEqual(Array(10).fill("restart done"));
    expect(new Set(eventNotes(world, "MachineRestarted")).size).toBe(
      eventNotes(world, "MachineRestarted").length,
    );
    expect(eventNotes(world, "MachineCreated")).toHaveLength(1);
  });

  it("reports after a restart of the operator what happened meanwhile, and nothing twice", async () => {
    const world = newWorld();
    const first = world.start();
    world.apply("box");
    await world.ready("box");
    await first.stop();
    world.sim.console.restart(machine(world).id);
    await world.clock.advance(5 * MINUTE);
    world.start();
    await world.until("the Event is written", () => eventNotes(world, "MachineRestarted").length > 0);
    await world.clock.advance(30 * MINUTE);
    expect(eventNotes(world, "MachineRestarted")).toHaveLength(1);
    expect(eventNotes(world, "MachineCreated")).toHaveLength(1);
  });

  it("shows the past events of an adopted machine, and does not report them as new", async () => {
    const world = running();
    const { id } = world.sim.console.create(TEAM, { machineType: "A4000" });
    await world.clock.advance(5 * MINUTE);
    world.apply("box", { adoptId: id });
    await world.ready("box");
    await world.until("it is shown", () => (world.get("box")?.status?.lastEvents ?? []).length === 2);
    expect(eventNotes(world, "MachineCreated")).toEqual([]);
    world.sim.console.restart(id);
    await world.until("the new Event is written", () => eventNotes(world, "MachineRestarted").length === 1);
  });

  it("reports what failed with the message of the event, and retries", async () => {
    const world = await ready({ powerState: "Stopped" });
    world.sim.console.failNext({ event: "start", error: "the host is on fire" });
    world.edit("box", { spec: { powerState: "Running" } });
    await world.until("it is reported", () => reason(world) === "StartFailed");
    expect(message(world)).toMatch(/on fire.*tried again by itself/);
    await world.ready("box");
    expect(eventNotes(world, "MachineEventFailed")[0]).toContain("the host is on fire");
  });
});

describe("outside changes", () => {
  it("makes a machine again that was deleted elsewhere, where the policy is Recreate", async () => {
    const world = await ready({ onExternalDeletion: "Recreate" });
    const { id } = machine(world);
    world.sim.console.delete(id, true);
    await world.until("another is made", () => world.machines().some((other) => other.id !== id));
    await world.ready("box");
    expect(world.get("box")?.status?.id).toBe(machine(world).id);
    expect(eventNotes(world, "Disowned")).toHaveLength(1);
  });

  it("reports a machine that a given-up create made after all: it is leaked and costs money", async () => {
    const world = running(["--resync-interval=1m"]);
    world.sim.world.setBehaviour({ listAfterCreateMissMs: 60 * MINUTE, getAfterCreateMissMs: 60 * MINUTE });
    world.sim.faults.add({ match: { method: "POST", path: "/machines$" }, do: { cut: "after" } });
    world.apply("box");
    await world.until("another is made", () => world.machines().length === 2);
    const [lost] = world.machines();
    world.sim.world.setBehaviour({ listAfterCreateMissMs: 0, getAfterCreateMissMs: 0 });
    await world.ready("box");
    await world.until(
      "the Event is written",
      () => eventNotes(world, "MachineLeaked").length > 0,
      3 * 60 * MINUTE,
    );
    expect(eventNotes(world, "MachineLeaked")[0]).toContain(lost?.id);
    expect(world.get("box")?.status?.leaks).toEqual([lost?.id]);
    world.sim.console.delete(lost?.id ?? "", true);
    await world.until("it is settled", () => world.get("box")?.status?.leaks === undefined);
    expect(eventNotes(world, "MachineLeaked")).toHaveLength(1);
  });
});

describe("deletion", () => {
  it("stops the machine first where the API requires it off", async () => {
    const world = await ready();
    world.sim.world.setBehaviour({ deleteWhenOn: "error" });
    world.delete("box");
    await world.gone("box");
    expect(world.machines()).toEqual([]);
    const made = writes(world).map(({ method, path }) => `${method} ${path.split("/").at(-1)}`);
    expect(made.filter((call) => call === "PATCH stop")).toHaveLength(1);
    expect(made.at(-1)).toMatch(/^DELETE/);
  });
});

describe("a read that fails", () => {
  it("of an idle machine is retried soon, so that a delete does not wait for the next regular list", async () => {
    const world = await ready();
    world.sim.faults.add({ match: { method: "GET", path: "/machines/", times: 1 }, do: { html: true } });
    annotate(world, "reconcileRequestedAt", "now");
    await world.clock.advance(1_000);
    world.delete("box");
    const asked = world.clock.monotonic();
    await world.gone("box");
    expect(world.clock.monotonic() - asked).toBeLessThan(4 * MINUTE);
  });

  it("of the list does not keep a machine from being made: a quota is a hint", async () => {
    const world = running();
    world.sim.faults.add({
      match: { method: "GET", path: "/machines$", times: "always" },
      do: { html: true },
    });
    world.apply("box");
    await world.ready("box");
    expect(calls(world, "POST", /machines$/)).toHaveLength(1);
  });

  it("after a grant that was declined, because another actor added the user, is made at once", async () => {
    const world = await ready({ accessors: { userIds: [] } });
    world.sim.world.setBehaviour({ readdAccessor: "error" });
    addAccessor(world.sim.world, team(world), machine(world), "ualphauser1");
    world.edit("box", { spec: { accessors: { userIds: ["ualphauser1"] } } });
    await world.ready("box");
    expect(calls(world, "POST", /accessors/).length).toBeLessThanOrEqual(1);
  });
});

describe("plan", () => {
  it("reports what would be done and does nothing, with what needs a stop and what loses data", async () => {
    const world = running();
    const one = world.script("one");
    world.apply("box", {}, { annotations: { [ANNOTATION.dryRun]: "true" } });
    await world.until("it is planned", () => world.get("box")?.status?.plan !== undefined);
    expect(world.get("box")?.status?.plan?.[0]).toMatchObject({ action: "Create" });
    annotate(world, "dryRun", null);
    await world.ready("box");
    expect(world.get("box")?.status?.plan).toBeUndefined();
    world.sim.calls.clear();
    annotate(world, "dryRun", "true");
    world.edit("box", {
      spec: {
        diskSize: 100,
        startupScriptId: one,
        accessors: { emails: ["user@alpha.example"] },
        restorePoint: { enabled: true },
        powerState: "Stopped",
      },
    });
    const planned = () => world.get("box")?.status?.plan ?? [];
    await world.until("all is planned", () => planned().length === 5);
    expect(planned()).toEqual([
      {
        action: "Update",
        field: "restorePoint.enabled",
        from: "false",
        to: "true",
        needsStop: false,
        losesData: true,
      },
      { action: "Assign", field: "startupScriptId", to: `"${one}"`, needsStop: false, losesData: false },
      { action: "Grant", field: "accessors", to: '"ualphauser1"', needsStop: false, losesData: false },
      {
        action: "Stop",
        field: "powerState",
        from: '"ready"',
        to: '"Stopped"',
        needsStop: false,
        losesData: false,
      },
      { action: "Resize", field: "diskSize", from: "50", to: "100", needsStop: false, losesData: false },
    ]);
    world.delete("box");
    await world.until("the delete is planned", () => planned()[0]?.action === "Delete");
    expect(planned()).toEqual([{ action: "Delete", needsStop: false, losesData: true }]);
    await world.clock.advance(30 * MINUTE);
    expect(writes(world)).toEqual([]);
  });
});

describe("cost", () => {
  it("writes the status at most six times for an operation", async () => {
    const world = running();
    const statusWrites = () =>
      world.kube.calls.filter(({ method, path }) => method === "PATCH" && path.endsWith("/status")).length;
    const cost = async (act: () => void) => {
      const before = statusWrites();
      act();
      await world.ready("box");
      await world.clock.advance(15 * MINUTE);
      return statusWrites() - before;
    };
    expect(await cost(() => world.apply("box"))).toBeLessThanOrEqual(6);
    expect(await cost(() => world.edit("box", { spec: { powerState: "Stopped" } }))).toBeLessThanOrEqual(6);
    expect(await cost(() => world.edit("box", { spec: { machineType: "A5000" } }))).toBeLessThanOrEqual(6);
    expect(await cost(() => world.edit("box", { spec: { powerState: "Running" } }))).toBeLessThanOrEqual(6);
    expect(await cost(() => annotate(world, "restartRequestedAt", "1"))).toBeLessThanOrEqual(6);
    expect(await cost(() => world.edit("box", { spec: { networkId: DEFAULT_NETWORK } }))).toBeLessThanOrEqual(
      6,
    );
  });
});
