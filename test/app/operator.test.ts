/**
 * The whole operator over a cluster and an account in memory, in virtual time: what users and the cloud can do to it,
 * and how it must react.
 */
import { describe, expect, it } from "vitest";
import { KubeError } from "../../src/kube/errors.ts";
import { ANNOTATION, FINALIZER } from "../../src/reconcile/record.ts";
import { FakeKube } from "../support/fake-kube.ts";
import { calls, checkTraffic, eventNotes, onlyMachine, running } from "../support/scenario-world.ts";
import { MACHINES, NAMESPACE, SPEC, VirtualWorld } from "../support/virtual-world.ts";

const TEAM = "te-alpha";
const MINUTE = 60_000;

checkTraffic();

const creates = (world: VirtualWorld) => calls(world, "POST", /\/machines$/);

describe("a life", () => {
  it("makes one machine of one object, reports it correctly, and leaves nothing behind", async () => {
    const world = running();
    world.apply("box");
    await world.until(
      "it is being created",
      () => world.condition("box", "Reconciling")?.reason === "Creating",
    );
    expect(world.condition("box", "Ready")?.status).toBe("False");
    await world.ready("box");
    const machine = onlyMachine(world);
    expect(world.get("box")?.status).toMatchObject({
      id: machine.id,
      teamId: TEAM,
      state: "ready",
      power: "Running",
    });
    expect(world.condition("box", "Reconciling")).toBeUndefined();
    expect(world.condition("box", "Running")?.status).toBe("True");
    world.delete("box");
    await world.gone("box");
    expect(world.machines()).toEqual([]);
    expect(creates(world)).toHaveLength(1);
  });

  it("stops and starts by powerState alone", async () => {
    const world = running();
    world.apply("box", { powerState: "Stopped" });
    await world.ready("box");
    expect(onlyMachine(world).state).toBe("off");
    expect(calls(world, "PATCH", /start/)).toEqual([]);
    world.edit("box", { spec: { powerState: "Running" } });
    await world.ready("box");
    expect(onlyMachine(world).state).toBe("ready");
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.ready("box");
    expect(onlyMachine(world).state).toBe("off");
    expect(calls(world, "PATCH", /start/)).toHaveLength(1);
    expect(calls(world, "PATCH", /stop/)).toHaveLength(1);
  });

  it("records what it is about to do before it does it, since afterwards all reasons to be off look alike", async () => {
    const world = new VirtualWorld();
    const operator = world.start();
    const intents: (string | undefined)[] = [];
    operator.edge.onPass = (call) => {
      if (/^before (POST \/v1\/machines$|PATCH \/v1\/)/.test(call))
        intents.push(world.get("box")?.status?.operation?.intent);
    };
    world.apply("box");
    await world.ready("box");
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.ready("box");
    world.edit("box", { spec: { powerState: "Running" } });
    await world.ready("box");
    expect(intents).toEqual(["Create", "Stop", "Start"]);
  });

  it("reports every transition as an Event, once", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    await world.clock.advance(MINUTE);
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.ready("box");
    await world.clock.advance(30 * MINUTE);
    const reasons = world.kube.storage.events
      .filter(({ of }) => of.kind === "Event")
      .map(({ object }) => (object as unknown as { reason: string }).reason);
    expect(reasons).toEqual([
      "Creating",
      "Created",
      "MachineCreated",
      "Available",
      // The state of a new machine shows first that it is up.
      "MachineStarted",
      "Stopping",
      "MachineStopped",
      "Stopped",
    ]);
  });

  it("corrects managed settings, and leaves the others to the console", async () => {
    const world = running();
    world.apply("box", { autoShutdown: { enabled: true, timeoutHours: 8 } });
    await world.ready("box");
    const { id } = onlyMachine(world);
    world.sim.console.update(id, { autoShutdownTimeout: 1, autoSnapshotEnabled: true });
    await world.until("it was put back", () => calls(world, "PUT", /machines/).length > 0);
    expect(calls(world, "PUT", /machines/)[0]?.body).toEqual({ autoShutdownTimeout: 8 });
    await world.ready("box");
  });

  it("stops correcting when a setting is changed back again and again, and reports that", async () => {
    const world = running();
    world.apply("box", { autoShutdown: { enabled: true, timeoutHours: 8 } });
    await world.ready("box");
    const { id } = onlyMachine(world);
    for (let times = 0; times < 8; times++) {
      world.sim.console.update(id, { autoShutdownTimeout: 1 });
      // The other actor sees the change undone and repeats it.
      world.edit("box", { metadata: { annotations: { [ANNOTATION.reconcileRequestedAt]: `${times}` } } });
      await world.clock.advance(MINUTE);
    }
    await world.until("it is reported", () => world.condition("box", "Stalled")?.reason === "Contended");
    expect(calls(world, "PUT", /machines/)).toHaveLength(5);
  });

  it("renames by an update when the spec names it, since the name of the create is the attempt's", async () => {
    const world = running();
    world.apply("box", { name: "trainer" });
    await world.ready("box");
    // The mail with the password that Paperspace sends by default must not be sent because of automation.
    expect(creates(world)[0]?.body).toMatchObject({
      name: expect.stringMatching(/^box-/),
      emailPassword: false,
    });
    expect(onlyMachine(world).settings.name).toBe("trainer");
  });

  it("leaves the machine where the policy is Orphan", async () => {
    const world = running();
    world.apply("box", { deletionPolicy: "Orphan" });
    await world.ready("box");
    world.delete("box");
    await world.gone("box");
    expect(onlyMachine(world).state).toBe("ready");
  });

  it("reports a machine that shut itself down and does not restart it, until the user requests it", async () => {
    const world = running();
    world.apply("box", { autoShutdown: { enabled: true, timeoutHours: 1 } });
    await world.ready("box");
    world.sim.console.autoShutdown(onlyMachine(world).id);
    await world.until("it is reported", () => world.condition("box", "Ready")?.reason === "AutoShutdown");
    expect(world.condition("box", "Ready")?.status).toBe("True");
    expect(world.condition("box", "Running")?.status).toBe("False");
    await world.clock.advance(60 * MINUTE);
    expect(calls(world, "PATCH", /start/)).toEqual([]);
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.until("the stop is seen", () => world.condition("box", "Ready")?.reason === "Stopped");
    world.edit("box", { spec: { powerState: "Running" } });
    await world.until("it runs", () => world.condition("box", "Ready")?.reason === "Available");
  });

  it("stops a machine that the console started while it was created to be off", async () => {
    const world = running();
    world.apply("box", { powerState: "Stopped" });
    await world.until("it is made", () => world.machines().some(({ state }) => state === "off"));
    world.sim.console.start(onlyMachine(world).id);
    await world.until("it runs", () => onlyMachine(world).state === "ready");
    await world.ready("box");
    expect(onlyMachine(world).state).toBe("off");
    expect(calls(world, "PATCH", /start/)).toEqual([]);
  });

  it("starts again a machine that the console stopped, since the spec requests Running", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    const { id } = onlyMachine(world);
    world.sim.console.update(id, { autoShutdownEnabled: false });
    world.sim.console.stop(id);
    await world.until("it is off", () => onlyMachine(world).state === "off");
    await world.until("it runs again", () => onlyMachine(world).state === "ready");
    await world.ready("box");
  });

  it("takes over a machine by adoptId without touching it", async () => {
    const world = running();
    const { id } = world.sim.console.create(TEAM, { machineType: "A4000", region: "ny2" }, "ready");
    world.apply("box", { adoptId: id });
    await world.ready("box");
    expect(world.get("box")?.status?.id).toBe(id);
    const writes = world.sim.calls.list().filter(({ method }) => method !== "GET");
    expect(writes).toEqual([]);
  });

  it("refuses to adopt what differs in what cannot be changed, what is not there, and what is another object's", async () => {
    const world = running();
    const { id } = world.sim.console.create(TEAM, { machineType: "C5", region: "ams1" }, "ready");
    world.apply("differs", { adoptId: id });
    await world.until("refused", () => world.condition("differs", "Stalled")?.reason === "AdoptMismatch");
    expect(world.condition("differs", "Stalled")?.message).toMatch(/region.*ams1/);
    world.apply("missing", { adoptId: "psnowhere" });
    await world.until("not found", () => world.condition("missing", "Stalled")?.reason === "AdoptNotFound");
    world.apply("owner");
    await world.ready("owner");
    const owned = world.get("owner")?.status?.id ?? "";
    world.apply("thief", { adoptId: owned });
    await world.until("owned", () => world.condition("thief", "Stalled")?.reason === "AlreadyOwned");
    world.delete("thief");
    await world.gone("thief");
    expect(world.machines().map((machine) => machine.id)).toContain(owned);
  });

  it("reports that a machine was deleted elsewhere, and makes no other instead", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    world.sim.console.delete(onlyMachine(world).id, true);
    await world.until(
      "it is reported",
      () => world.condition("box", "Stalled")?.reason === "ExternallyDeleted",
    );
    await world.clock.advance(60 * MINUTE);
    expect(creates(world)).toHaveLength(1);
    world.delete("box");
    await world.gone("box");
  });
});

describe("pause", () => {
  it.each([ANNOTATION.paused, ANNOTATION.dryRun])(
    "%s stops create, power and delete until it is removed",
    async (annotation) => {
      const world = running();
      world.apply("box", {}, { annotations: { [annotation]: "true" } });
      await world.until("it reports it", () => world.condition("box", "Paused")?.status === "True");
      await world.clock.advance(30 * MINUTE);
      expect(creates(world)).toEqual([]);
      world.edit("box", { metadata: { annotations: { [annotation]: null } } });
      await world.ready("box");
      world.edit("box", {
        metadata: { annotations: { [annotation]: "true" } },
        spec: { powerState: "Stopped" },
      });
      world.delete("box");
      await world.until("it reports it again", () => world.condition("box", "Stalled") !== undefined);
      await world.clock.advance(30 * MINUTE);
      expect(onlyMachine(world).state).toBe("ready");
      world.edit("box", { metadata: { annotations: { [annotation]: null } } });
      await world.gone("box");
      expect(world.machines()).toEqual([]);
    },
  );
});

describe("a create that waits for its turn", () => {
  /** Objects are applied until the budget is used up: the create of the last one is decided on and waits. */
  async function waiting(flags: string[] = []): Promise<{ world: VirtualWorld; last: string; sent: number }> {
    const decided = new Set<string>();
    const onLog = (line: string) => {
      const { msg, step, key } = JSON.parse(line) as Record<string, unknown>;
      if (msg === "decided" && step === "create") decided.add(String(key));
    };
    const slow = ["--requests-per-second=0.1", "--burst=5", ...flags];
    const world = running(slow, { onLog, logLevel: "debug" });
    for (let sent = 0; ; sent++) {
      const last = `box-${sent}`;
      world.apply(last);
      await world.until("its create is decided on", () => decided.has(`${NAMESPACE}/${last}`));
      await world.clock.advance(1_000);
      if (creates(world).length > sent) continue;
      expect(pendingOf(world, last)).toBeUndefined();
      return { world, last, sent };
    }
  }

  function pendingOf(world: VirtualWorld, name: string): string | undefined {
    return world.get(name)?.metadata.annotations?.[ANNOTATION.createPending];
  }

  it("is not sent any more once the object is paused", async () => {
    const { world, last, sent } = await waiting();
    world.edit(last, { metadata: { annotations: { [ANNOTATION.paused]: "true" } } });
    await world.clock.advance(30 * MINUTE);
    expect(creates(world)).toHaveLength(sent);
  });

  it("is not sent any more once the object is being deleted, and does not block the deletion", async () => {
    const { world, last, sent } = await waiting();
    world.delete(last);
    await world.gone(last);
    expect(creates(world)).toHaveLength(sent);
  });

  it("is announced once it may be sent, however long that takes: what is sent late might be given up for lost", async () => {
    const { world, last, sent } = await waiting(["--send-window=5s"]);
    await world.clock.advance(6_000);
    expect([creates(world).length, pendingOf(world, last)]).toEqual([sent, undefined]);
    await world.ready(last);
    expect(creates(world)).toHaveLength(sent + 1);
  });

  it("is not sent by a process that no longer leads", async () => {
    const { world, last, sent } = await waiting();
    const error = new KubeError({ code: "KUBE_UNREACHABLE", message: "no route" });
    // The lease can be neither renewed nor read, and what is sent after its end would be sent beside a new leader.
    world.kube.intercept = ({ path }) => (path.includes("/leases") ? { fail: "before", error } : undefined);
    const sentAt: number[] = [];
    const lostAt = world.clock.monotonic() + world.config.leaseDuration;
    while (world.clock.monotonic() < lostAt + 10 * MINUTE) {
      const before = creates(world).length;
      if (!(await world.clock.step())) break;
      if (creates(world).length > before) sentAt.push(world.clock.monotonic());
    }
    expect(sentAt.filter((at) => at > lostAt)).toEqual([]);
    world.kube.intercept = () => undefined;
    await world.ready(last);
    expect(creates(world)).toHaveLength(sent + 1);
  });
});

describe("the lease", () => {
  /** The next renewal fails; the one after it comes just too late, so that the lease is lost and won at once. */
  async function failRenewal(world: VirtualWorld): Promise<void> {
    let failed = false;
    const error = new KubeError({ code: "KUBE_UNREACHABLE", message: "no route" });
    world.kube.intercept = ({ path }) => {
      if (failed || !path.includes("/leases")) return undefined;
      failed = true;
      return { fail: "before", error };
    };
    await world.until("a renewal failed", () => failed);
  }

  it("when lost and won again just after an edit, leaves no object unobserved", async () => {
    const world = running(["--lease-duration=30s", "--renew-deadline=20s", "--retry-period=10s"]);
    world.apply("box");
    await world.ready("box");
    await world.clock.advance(3 * MINUTE);
    await failRenewal(world);
    await world.clock.advance(world.config.retryPeriod);
    await failRenewal(world);
    // Its pass requests a read, as the new term has no facts yet; the next term begins before that read.
    await world.clock.advance(world.config.retryPeriod - 30);
    world.edit("box", { spec: { onExternalDeletion: "Recreate" } });
    await world.until("the edit is observed", () => {
      const { metadata, status } = world.get("box") ?? {};
      return metadata !== undefined && status?.observedGeneration === metadata.generation;
    });
  });
});

describe("a deletion without the finalizer", () => {
  const metric = async (world: VirtualWorld) =>
    /paperspace_leaked_objects_total\{controller="paperspacemachines"\} (\d+)/.exec(
      await world.metrics(),
    )?.[1];

  it("is reported, with what goes on costing, where another actor removed the finalizer", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    world.edit("box", { metadata: { finalizers: null } });
    world.delete("box");
    await world.until("the Event is written", () => eventNotes(world, "LeftBehind", "box").length > 0);
    expect(eventNotes(world, "LeftBehind", "box")[0]).toContain(`machine ${onlyMachine(world).id}`);
    expect(await metric(world)).toBe("1");
  });

  it.each(["true", "the object's own UID"])(
    "is reported though the annotation released says %s: only a deletion that the operator saw counts",
    async (value) => {
      const world = running();
      world.apply("box");
      await world.ready("box");
      const released = value === "true" ? value : (world.get("box")?.metadata.uid ?? "");
      world.edit("box", { metadata: { annotations: { [ANNOTATION.released]: released }, finalizers: null } });
      world.delete("box");
      await world.until("the Event is written", () => eventNotes(world, "LeftBehind", "box").length > 0);
      expect(await metric(world)).toBe("1");
    },
  );

  it("is reported though a manifest brought the annotation, where another finalizer outlives the operator's", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    const annotations = { [ANNOTATION.released]: "true" };
    world.edit("box", { metadata: { annotations, finalizers: [FINALIZER, "example.org/theirs"] } });
    await world.clock.advance(MINUTE);
    world.delete("box");
    world.edit("box", { metadata: { finalizers: ["example.org/theirs"] } });
    world.edit("box", { metadata: { finalizers: null } });
    await world.until("the Event is written", () => eventNotes(world, "LeftBehind", "box").length > 0);
  });

  it("is not what the operator released, where another finalizer outlives its own", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    world.edit("box", { metadata: { finalizers: [FINALIZER, "example.org/theirs"] } });
    world.delete("box");
    await world.until("it is released", () => !world.get("box")?.metadata.finalizers?.includes(FINALIZER));
    await world.clock.advance(MINUTE);
    world.edit("box", { metadata: { finalizers: null } });
    await world.gone("box");
    await world.clock.advance(10 * MINUTE);
    expect(eventNotes(world, "LeftBehind", "box")).toEqual([]);
  });

  it("is reported for a create whose outcome was still open", async () => {
    const world = running();
    world.sim.faults.add({ match: { method: "POST", path: "/machines$" }, do: { cut: "after" } });
    world.apply("box");
    await world.until("it was sent", () => world.machines().length === 1);
    world.edit("box", { metadata: { finalizers: null } });
    world.delete("box");
    await world.until("the Event is written", () => eventNotes(world, "LeftBehind", "box").length > 0);
    expect(eventNotes(world, "LeftBehind", "box")[0]).toContain("whatever came of the create");
  });

  it.each(["Delete", "Orphan"] as const)("is not what a deletion by %s is", async (deletionPolicy) => {
    const world = running();
    world.apply("box", { deletionPolicy });
    await world.ready("box");
    world.delete("box");
    await world.gone("box");
    await world.clock.advance(MINUTE);
    expect(eventNotes(world, "LeftBehind", "box")).toEqual([]);
    expect(await metric(world)).toBe("0");
  });
});

describe("identity", () => {
  const annotationsOf = (world: VirtualWorld, name = "box") => world.get(name)?.metadata.annotations ?? {};

  it("a manifest copied with its annotations neither makes a second machine nor touches the first", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    world.apply("copy", {}, { annotations: annotationsOf(world) });
    await world.until(
      "the conflict is reported",
      () => world.condition("copy", "Stalled")?.reason === "IdentityConflict",
    );
    world.delete("copy");
    await world.gone("copy");
    expect(onlyMachine(world).state).toBe("ready");
    expect(creates(world)).toHaveLength(1);
  });

  it("a backup restored without status waits for the user's confirmation, then owns its machine again", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    const annotations = annotationsOf(world);
    const { id } = onlyMachine(world);
    world.edit("box", { metadata: { finalizers: null } });
    world.delete("box");
    world.apply("box", {}, { annotations });
    await world.until(
      "the conflict is reported",
      () => world.condition("box", "Stalled")?.reason === "IdentityConflict",
    );
    const line = world.condition("box", "Stalled")?.message ?? "";
    const order = /adopt=(\S+)/.exec(line)?.[1] ?? "";
    world.edit("box", { metadata: { annotations: { [ANNOTATION.adopt]: order } } });
    await world.ready("box");
    expect(world.get("box")?.status?.id).toBe(id);
    world.delete("box");
    await world.gone("box");
    expect(world.machines()).toEqual([]);
    expect(creates(world)).toHaveLength(1);
  });

  it("an object replaced without its annotations gets them back, finalizer and record", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    world.edit("box", { metadata: { annotations: null, finalizers: null } });
    await world.until("they are back", () => annotationsOf(world)[ANNOTATION.record] !== undefined);
    expect(world.get("box")?.metadata.finalizers).toEqual(["paperspace.com/finalizer"]);
    expect(creates(world)).toHaveLength(1);
  });

  it("an object replaced in the very middle of its create still has one machine", async () => {
    const world = new VirtualWorld();
    const operator = world.start();
    let strikes = 0;
    operator.edge.onPass = (call) => {
      if (!call.startsWith("after POST /v1/machines") || strikes++ > 0) return;
      world.edit("box", { metadata: { annotations: null, finalizers: null } });
      operator.kill();
    };
    world.apply("box");
    await world.until("the fault was applied", () => strikes > 0);
    world.start();
    await world.ready("box");
    expect(onlyMachine(world).id).toBe(world.get("box")?.status?.id);
    expect(creates(world)).toHaveLength(1);
  });

  it("applied in a second cluster of the same account, each object has its own machine or none", async () => {
    const world = running();
    const other = new FakeKube({ clock: world.clock, types: [MACHINES] });
    world.start(other);
    world.apply("box");
    await world.ready("box");
    world.secret("sim-key-alpha", "default", other);
    // Once from a backup with annotations, once from Git without.
    world.apply("box", {}, { annotations: annotationsOf(world) }, other);
    world.apply("fresh", {}, {}, other);
    await world.until(
      "conflict",
      () => world.condition("box", "Stalled", other)?.reason === "IdentityConflict",
    );
    await world.until("ready", () => world.condition("fresh", "Ready", other)?.status === "True");
    expect(world.machines()).toHaveLength(2);
    world.delete("box", other);
    await world.until("gone", () => world.get("box", other) === undefined);
    expect(world.machines().map(({ id }) => id)).toContain(world.get("box")?.status?.id);
    expect(creates(world)).toHaveLength(2);
  });
});

describe("credentials", () => {
  it("reports that the key is wrong, does nothing, and recovers when the Secret is corrected", async () => {
    const world = running(["--key-recheck=1m"]);
    world.secret("a-wrong-key");
    world.apply("box");
    await world.until(
      "it is reported",
      () => world.condition("box", "Stalled")?.reason === "CredentialsInvalid",
    );
    await world.clock.advance(10 * MINUTE);
    expect(world.sim.calls.list().length).toBeLessThan(15);
    world.secret("sim-key-alpha");
    await world.ready("box");
  });

  it("names the line that makes a missing Secret", async () => {
    const world = running();
    world.apply("box", { credentialsSecretRef: { name: "my-key" } });
    await world.until(
      "it is reported",
      () => world.condition("box", "Stalled")?.reason === "CredentialsInvalid",
    );
    expect(world.condition("box", "Stalled")?.message).toContain(
      "kubectl -n default create secret generic my-key",
    );
  });

  it("another team's key never makes a machine look gone, and never releases its object", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    world.secret("sim-key-beta");
    // Longer than the facts of a read Secret are fresh.
    await world.clock.advance(MINUTE);
    world.delete("box");
    await world.until(
      "it is reported",
      () => world.condition("box", "Stalled")?.reason === "CredentialsInvalid",
    );
    await world.clock.advance(60 * MINUTE);
    expect(world.get("box")).toBeDefined();
    expect(world.machines()).toHaveLength(1);
    world.secret("sim-key-alpha-2");
    await world.gone("box");
    expect(world.machines()).toEqual([]);
  });

  it("keeps the Secret while a machine needs its key, also when a whole namespace is deleted", async () => {
    const world = running();
    for (const name of ["a", "b", "c"]) world.apply(name);
    for (const name of ["a", "b", "c"]) await world.ready(name);
    expect(world.getSecret()?.metadata.finalizers).toEqual(["paperspace.com/finalizer"]);
    world.deleteSecret();
    for (const name of ["a", "b", "c"]) world.delete(name);
    for (const name of ["a", "b", "c"]) await world.gone(name);
    expect(world.machines()).toEqual([]);
    await world.until("the Secret is gone", () => world.getSecret() === undefined);
  });

  it("releases the Secret with the last machine, and not before", async () => {
    const world = running();
    for (const name of ["a", "b"]) world.apply(name);
    for (const name of ["a", "b"]) await world.ready(name);
    world.delete("a");
    await world.gone("a");
    expect(world.getSecret()?.metadata.finalizers).toEqual(["paperspace.com/finalizer"]);
    world.delete("b");
    await world.gone("b");
    expect(world.getSecret()?.metadata.finalizers ?? []).toEqual([]);
    world.apply("c");
    await world.ready("c");
    expect(world.getSecret()?.metadata.finalizers).toEqual(["paperspace.com/finalizer"]);
  });

  it("releases an object that never owned anything, even without a key", async () => {
    const world = running();
    world.secret("a-wrong-key");
    world.apply("box");
    await world.until(
      "it is reported",
      () => world.condition("box", "Stalled")?.reason === "CredentialsInvalid",
    );
    world.delete("box");
    await world.gone("box");
  });
});

describe("a cloud that misbehaves", () => {
  const once = { method: "POST", path: "/machines$" };

  it.each([
    ["cut before it arrived", { cut: "before" }],
    ["cut after it took effect", { cut: "after" }],
    ["cut in the middle of the answer", { cut: "during" }],
    ["truncated", { truncate: true }],
    ["a block page", { html: true }],
    ["a block page after the effect", { html: true, takesEffect: true }],
    ["a 500", { status: 500 }],
    ["a 502 after the effect", { status: 502, takesEffect: true }],
    ["a 429", { status: 429 }],
    ["never answered", { hang: true }],
    ["never answered, yet carried out", { hang: true, takesEffect: true }],
  ] as const)("a create that is %s leads to exactly one machine", async (_, action) => {
    const world = running();
    world.sim.faults.add({ match: once, do: action });
    world.apply("box");
    await world.until("the error is reported", () => {
      const reason = world.condition("box", "Ready")?.reason ?? "";
      return ["ResolvingCreate", "RateLimited", "ApiUnavailable"].includes(reason);
    });
    await world.ready("box");
    expect(onlyMachine(world).id).toBe(world.get("box")?.status?.id);
    expect(world.sim.world.machines.size).toBe(1);
  });

  it("finds the machine of a lost answer although lists lack it for a while", async () => {
    const world = running();
    world.sim.world.setBehaviour({ listAfterCreateMissMs: 30_000, getAfterCreateMissMs: 20_000 });
    world.sim.faults.add({ match: once, do: { cut: "after" } });
    world.apply("box");
    await world.ready("box");
    expect(world.sim.world.machines.size).toBe(1);
  });

  it("is not misled by a 404 right after the create, also when the object is deleted then", async () => {
    const world = running();
    world.sim.world.setBehaviour({ getAfterCreateMissMs: 20_000, listAfterCreateMissMs: 20_000 });
    world.apply("box");
    await world.until("it is recorded", () => world.get("box")?.status?.id !== undefined);
    world.delete("box");
    await world.gone("box");
    expect(world.machines()).toEqual([]);
  });

  it("stalls with the API's own message where the spec is refused, and goes on when it is corrected", async () => {
    const world = running();
    world.apply("box", { templateId: "tnowhere" });
    await world.until("it is reported", () => world.condition("box", "Stalled") !== undefined);
    expect(world.condition("box", "Stalled")?.message).toMatch(/emplate/);
    await world.clock.advance(5 * MINUTE);
    expect(creates(world)).toHaveLength(1);
    world.edit("box", { spec: { templateId: SPEC.templateId } });
    await world.ready("box");
    expect(creates(world)).toHaveLength(2);
  });

  it("reports a machine that never starts as a lack of capacity, and recovers with it", async () => {
    const world = running();
    world.sim.world.setCapacity("A4000", "ny2", 0);
    world.apply("box");
    await world.until(
      "it is reported",
      () => world.condition("box", "Stalled")?.reason === "CapacityUnavailable",
    );
    world.sim.world.setCapacity("A4000", "ny2", null);
    await world.ready("box");
    expect(creates(world)).toHaveLength(1);
  });

  it("reports that a transition is late, and recovers when the machine moves on", async () => {
    const world = running();
    world.sim.console.hold("next", "provisioning");
    world.apply("box");
    await world.until(
      "it is reported",
      () => world.condition("box", "Stalled")?.reason === "TransitionTimedOut",
    );
    world.sim.console.setState(onlyMachine(world).id, "ready");
    await world.ready("box");
    expect(creates(world)).toHaveLength(1);
  });

  it("reports after a while that a machine hangs in what another actor began, and recovers", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    const { id } = onlyMachine(world);
    world.sim.console.setState(id, "upgrading");
    await world.until(
      "it is seen",
      () => world.condition("box", "Reconciling")?.reason === "ChangingElsewhere",
    );
    await world.until("it is late", () => world.condition("box", "Stalled")?.reason === "TransitionTimedOut");
    world.sim.console.setState(id, "serviceready");
    await world.until("it is seen", () => world.condition("box", "Running")?.reason === "Serviceready");
    world.sim.console.setState(id, "ready");
    await world.ready("box");
    expect(world.get("box")?.status?.operation).toBeUndefined();
  });

  it("retries a start whose event failed", async () => {
    const world = running();
    world.apply("box", { powerState: "Stopped" });
    await world.ready("box");
    world.sim.console.failNext({ event: "start", error: "host failure" });
    world.edit("box", { spec: { powerState: "Running" } });
    await world.until("it is reported", () => world.condition("box", "Ready")?.reason === "StartFailed");
    expect(world.condition("box", "Ready")?.message).toContain("host failure");
    await world.ready("box");
  });

  it("works without reliable events: late, repeated, or missing", async () => {
    const world = running();
    world.sim.faults.add({ match: { path: "machine-events", times: "always" }, do: { status: 503 } });
    world.apply("box");
    await world.ready("box");
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.ready("box");
    world.delete("box");
    await world.gone("box");
    expect(world.machines()).toEqual([]);
  });

  it("keeps an object while its machine cannot be proved gone", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    world.sim.faults.add({
      match: { method: "GET", path: "/machines/", times: "always" },
      do: { html: true },
    });
    world.delete("box");
    await world.until("deleted in the cloud", () => world.machines().length === 0);
    await world.clock.advance(30 * MINUTE);
    expect(world.get("box")).toBeDefined();
    world.sim.faults.clear();
    await world.gone("box");
  });
});

describe("cost", () => {
  it("an idle fleet costs its pages in each resync and not one write", async () => {
    const world = running(["--requests-per-second=50"]);
    world.sim.console.setQuota(TEAM, 1000);
    world.sim.console.setBudget(TEAM, null);
    const fleet = 250;
    for (let i = 0; i < fleet; i++) {
      const { id } = world.sim.console.create(TEAM, { machineType: "A4000", region: "ny2" }, "ready");
      world.apply(`box-${i}`, { adoptId: id });
    }
    const names = Array.from({ length: fleet }, (_, i) => `box-${i}`);
    await world.until("all are ready", () =>
      names.every((name) => world.condition(name, "Ready")?.status === "True"),
    );
    await world.clock.advance(15 * MINUTE);
    world.sim.calls.clear();
    const writes = () =>
      world.kube.calls.filter(({ method, path }) => method !== "GET" && !path.includes("/leases"));
    const before = writes().length;
    await world.clock.advance(30 * MINUTE);
    const made = world.sim.calls.list();
    expect(made.every(({ method, path }) => method === "GET" && path === "/v1/machines")).toBe(true);
    expect(made).toHaveLength(3 * Math.ceil(fleet / 120));
    expect(writes().length).toBe(before);
  }, 60_000);

  it("a create that never arrived costs a handful of lists until that is sure, not a list without end", async () => {
    const world = running();
    world.sim.faults.add({ match: { method: "POST", path: "/machines$" }, do: { cut: "before" } });
    world.apply("box");
    await world.until("the lost one is given up", () => creates(world).length === 2);
    const lists = calls(world, "GET", /\/machines$/).length;
    expect(lists).toBeGreaterThanOrEqual(2);
    expect(lists).toBeLessThan(30);
  });

  it("hundreds of machines in transition cost pages of events and lists, and not one read of a machine", async () => {
    const world = running(["--requests-per-second=50", "--burst=2000", "--concurrency=64"]);
    const fleet = 400;
    world.sim.console.setQuota(TEAM, 2 * fleet);
    world.sim.console.setBudget(TEAM, null);
    const names = Array.from({ length: fleet }, (_, i) => `box-${i}`);
    for (const name of names) world.apply(name);
    const isReady = (name: string) => world.condition(name, "Ready")?.status === "True";
    while (world.clock.monotonic() < 5 * MINUTE && !names.every(isReady)) await world.clock.advance(10_000);
    // A machine takes a minute and a bit: none waits for a deadline because an event of it was missed.
    expect(names.filter((name) => !isReady(name))).toEqual([]);
    expect(creates(world)).toHaveLength(fleet);
    expect(calls(world, "GET", /\/machines\/ps/)).toEqual([]);
    expect(calls(world, "GET", /machine-availability|account-standing/).length).toBeLessThan(20);
    const pages = calls(world, "GET", /\/(machines|machine-events)$/).length;
    expect(pages).toBeLessThan(fleet);
    const status = world.kube.calls.filter(({ path }) => path.endsWith("/status"));
    expect(status.length).toBeLessThanOrEqual(6 * fleet);
  }, 120_000);
});
