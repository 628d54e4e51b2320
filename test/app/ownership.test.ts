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
import { PROJECT } from "../support/scenario-world-deployments.ts";
import { MACHINES, type VirtualWorld } from "../support/virtual-world.ts";

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

/** Starts an operator whose own key serves all namespaces, none of which has a Secret. */
function withOperatorKey(world: VirtualWorld, flags: string[] = []): void {
  world.deleteSecret();
  world.start(world.kube, ["--api-key-namespaces=*", ...flags], { PAPERSPACE_API_KEY: "sim-key-alpha" });
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

describe("one owner", () => {
  it("of two objects that adopt one machine at the same moment, one owns it", async () => {
    const world = running();
    world.kube.intercept = ({ method }) => (method === "PATCH" ? { delayMs: 20 } : undefined);
    const { id } = world.sim.console.create(TEAM, { machineType: "A4000", region: "ny2" }, "ready");
    world.apply("one", { adoptId: id });
    world.apply("two", { adoptId: id });
    await world.clock.advance(5 * MINUTE);
    expect([reason(world, "one"), reason(world, "two")].sort()).toEqual(["AlreadyOwned", "Available"]);
    const [owner, other] = reason(world, "one") === "Available" ? ["one", "two"] : ["two", "one"];
    world.delete(other);
    await world.gone(other);
    expect(writes(world)).toEqual([]);
    expect(world.get(owner)?.status?.id).toBe(id);
  });

  it("does not change while another namespace adopts its machine, by spec or by annotation", async () => {
    const { world, id } = await withVictim();
    world.secret("sim-key-alpha", "third");
    world.apply("asks", { adoptId: id }, { namespace: "third" });
    const uid = await thief(world);
    annotate(world, "thief", { [ANNOTATION.adopt]: `${id}@${uid}`, [ANNOTATION.paused]: null }, OTHER);
    await world.clock.advance(10 * MINUTE);
    expect(reason(world, "asks", "third")).toBe("AlreadyOwned");
    expect(reason(world, "thief", OTHER)).toBe("AlreadyOwned");
    expect(condition(world, "thief", "Stalled", OTHER)?.message).toContain("an object of another namespace");
    world.delete("asks", world.kube, "third");
    world.delete("thief", world.kube, OTHER);
    await world.clock.advance(10 * MINUTE);
    expect(writes(world)).toEqual([]);
    expect(reason(world, "victim")).toBe("Available");
  });

  /** Another object whose status has the id as well: two operators were at work, or an older one was. */
  async function recordedTwice(ownedSince?: string) {
    const { world, id } = await withVictim();
    const uid = await thief(world, { powerState: "Stopped" });
    const status = { id, uid, teamId: TEAM, ...(ownedSince && { ownedSince }) };
    world.kube.storage.patch(MACHINES, OTHER, "thief", { status } as never, "status");
    annotate(world, "thief", { [ANNOTATION.paused]: null }, OTHER);
    await world.clock.advance(20 * MINUTE);
    return { world, id };
  }

  it("is the one that has owned the machine longer, where two have recorded it: the later one touches nothing", async () => {
    const { world, id } = await recordedTwice("2999-01-01T00:00:00Z");
    expect(reason(world, "thief", OTHER)).toBe("AlreadyOwned");
    expect(reason(world, "victim")).toBe("Available");
    expect(writes(world)).toEqual([]);
    world.delete("thief", world.kube, OTHER);
    await world.until("it is released", () => world.get("thief", world.kube, OTHER) === undefined);
    expect(writes(world)).toEqual([]);
    expect(onlyMachine(world)).toMatchObject({ id, state: "ready" });
  });

  it("is never both: opposite wishes of two that have recorded one machine do not turn it on and off", async () => {
    const { world } = await recordedTwice("2020-01-01T00:00:00Z");
    expect(reason(world, "victim")).toBe("AlreadyOwned");
    expect(reason(world, "thief", OTHER)).toBe("Stopped");
    await world.clock.advance(20 * MINUTE);
    expect(calls(world, "PATCH", /stop$/)).toHaveLength(1);
    expect(calls(world, "PATCH", /start$/)).toEqual([]);
  });

  it("is free to be another one once the first lets go of the machine", async () => {
    const { world, id } = await recordedTwice("2999-01-01T00:00:00Z");
    world.edit("victim", { spec: { deletionPolicy: "Orphan" } });
    world.delete("victim");
    await world.gone("victim");
    await world.until("it is the other's", () => reason(world, "thief", OTHER) === "Stopped");
    expect(onlyMachine(world)).toMatchObject({ id, state: "off" });
  });

  it("is settled for deployments in the same way", async () => {
    const world = running();
    world.secret("sim-key-alpha", OTHER);
    world.kube.intercept = ({ method }) => (method === "PATCH" ? { delayMs: 20 } : undefined);
    const { id } = world.sim.console.deployments.create(PROJECT, { name: "web" }, { settled: true });
    world.deployments.apply("web", { adoptId: id });
    world.deployments.apply("web", { adoptId: id }, { namespace: OTHER });
    await world.clock.advance(5 * MINUTE);
    const ready = ["default", OTHER].map(
      (namespace) => world.deployments.condition("web", "Ready", world.kube, namespace)?.reason,
    );
    expect(ready.filter((why) => why === "AlreadyOwned")).toHaveLength(1);
    const loser = ready[0] === "AlreadyOwned" ? "default" : OTHER;
    world.deployments.delete("web", world.kube, loser);
    await world.until(
      "the loser is gone",
      () => world.deployments.get("web", world.kube, loser) === undefined,
    );
    expect(world.deployed().map((one) => one.id)).toEqual([id]);
  });
});

describe("power that another actor keeps changing back", () => {
  it("is contended like any other field: it is left alone for a while, and reported", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    const { id } = onlyMachine(world);
    await world.until("it is contended", () => {
      if (onlyMachine(world).state === "ready") world.sim.console.stop(id);
      return reason(world, "box") === "Contended";
    });
    expect(condition(world, "box", "Stalled")?.message).toContain("powerState");
    expect(calls(world, "PATCH", /start$/)).toHaveLength(5);
    await world.clock.advance(30 * MINUTE);
    expect(reason(world, "box")).toBe("Available");
  });

  /** Another actor stops the machine again, so long after each time that it is on; for so many hours. */
  async function war(afterMs: number, hours: number) {
    const world = running(["--leader-elect=false"]);
    world.apply("box");
    await world.ready("box");
    const { id } = onlyMachine(world);
    const at: number[] = [];
    const reports = new Set<string>();
    let since = 0;
    for (let minutes = 0; minutes < hours * 60; minutes++) {
      await world.clock.advance(MINUTE);
      const isOn = onlyMachine(world).state === "ready";
      if (isOn && ++since * MINUTE >= afterMs) {
        since = 0;
        world.sim.console.stop(id);
      }
      while (at.length < calls(world, "PATCH", /start$/).length) at.push(minutes);
      const stalled = condition(world, "box", "Stalled");
      if (stalled?.reason === "Contended") reports.add(stalled.message ?? "");
    }
    return { world, at, reports: [...reports] };
  }

  it.each([
    ["at once", MINUTE],
    ["after minutes, noticed at the next resync only", 5 * MINUTE],
  ])(
    "%s is started ever more rarely, once an hour in the end: a GPU must not go on and off for ever",
    async (_when, afterMs) => {
      const { at, reports } = await war(afterMs, 7);
      const gaps = at.slice(1).map((minutes, i) => minutes - (at[i] ?? 0));
      expect(at.length).toBeLessThanOrEqual(5 + 8);
      for (const gap of gaps.slice(-2)) expect(gap).toBeGreaterThanOrEqual(59);
      // In words that do not change from one correction to the next.
      expect(reports).toEqual([expect.stringContaining("powerState")]);
    },
  );

  it("the other way round, on where the spec has it off, is stopped ever more rarely as well", async () => {
    const world = running(["--leader-elect=false"]);
    world.apply("box", { powerState: "Stopped" });
    await world.ready("box");
    const { id } = onlyMachine(world);
    for (let minutes = 0; minutes < 5 * 60; minutes++) {
      if (onlyMachine(world).state === "off") world.sim.console.start(id);
      await world.clock.advance(MINUTE);
    }
    expect(calls(world, "PATCH", /stop$/).length).toBeLessThanOrEqual(5 + 6);
    expect(reason(world, "box")).toBe("Contended");
  });

  it("ends when the user gives in: a changed spec is carried out at once", async () => {
    const { world } = await war(MINUTE, 3);
    await world.until("it is contended", () => reason(world, "box") === "Contended", 60 * MINUTE);
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.ready("box");
    world.edit("box", { spec: { powerState: "Running" } });
    await world.clock.advance(5 * MINUTE);
    expect(reason(world, "box")).toBe("Available");
  });

  it("does not count starts that fail by themselves: nobody has changed anything", async () => {
    const world = running();
    world.apply("box", { powerState: "Stopped" });
    await world.ready("box");
    world.sim.faults.add({ match: { method: "PATCH", path: "start$", times: 8 }, do: { status: 409 } });
    world.edit("box", { spec: { powerState: "Running" } });
    await world.ready("box");
    expect(calls(world, "PATCH", /start$/)).toHaveLength(9);
  });
});

describe("the table of who can do what to whom: a user of another namespace who wants to", () => {
  /** A machine of `victim`, one of no object, and the key of the other namespace. */
  async function tenants(whose: string) {
    const world = newWorld();
    if (whose === "operator") withOperatorKey(world);
    else {
      world.secret(whose === "shared" ? "sim-key-alpha" : "sim-key-beta", OTHER);
      world.start();
    }
    world.apply("victim");
    await world.ready("victim");
    const id = world.get("victim")?.status?.id ?? "";
    world.sim.calls.clear();
    const { id: free } = world.sim.console.create(TEAM, { machineType: "A4000", region: "ny2" }, "ready");
    return { world, id, free };
  }

  type Tenants = Awaited<ReturnType<typeof tenants>>;

  /** A line of the table in docs/design.md, Record: `attempt` returns the answer. */
  function line(wish: string, answers: object, attempt: (given: Tenants) => Promise<string>) {
    it.each(Object.entries(answers))(`${wish}, with a(n) %s key: %s`, async (whose, answer) => {
      const given = await tenants(whose);
      expect(await attempt(given)).toBe(answer);
      expect(given.world.get("victim")?.status?.id).toBe(given.id);
      expect(given.world.sim.world.machines.get(given.id)).toMatchObject({ state: "ready", dtDeleted: null });
    });
  }

  const refusal = (world: VirtualWorld) => `no: \`${reason(world, "thief", OTHER)}\``;
  const statusOf = (world: VirtualWorld) => world.get("thief", world.kube, OTHER)?.status;

  /** The user writes what annotations there are to write, with the UID of the object in each. */
  async function forge(
    { world }: Tenants,
    forged: (uid: string) => Record<string, string>,
    spec: object = {},
  ): Promise<void> {
    const uid = await thief(world, spec);
    annotate(world, "thief", { ...forged(uid), [ANNOTATION.paused]: null }, OTHER);
    await world.clock.advance(15 * MINUTE);
  }

  const record = (id: string) => (uid: string) => ({
    [ANNOTATION.record]: JSON.stringify({ id, team: TEAM, name: "", uid }),
  });

  async function adoptBySpec(world: VirtualWorld, adoptId: string) {
    world.apply("thief", { adoptId }, { namespace: OTHER });
    await world.clock.advance(5 * MINUTE);
  }

  async function deleteThief(world: VirtualWorld) {
    world.delete("thief", world.kube, OTHER);
    await world.until("it is gone", () => world.get("thief", world.kube, OTHER) === undefined);
  }

  line(
    "own what an object of another namespace owns, by a forged record",
    { shared: "no: `IdentityConflict`", operator: "no: `IdentityConflict`", own: "no: `IdentityConflict`" },
    async (given) => {
      await forge(given, record(given.id));
      return refusal(given.world);
    },
  );

  line(
    "own it by a forged attempt",
    { shared: "no: makes another", operator: "no: makes another", own: "no: makes another" },
    async (given) => {
      const { world, id } = given;
      const { name } = world.sim.world.machines.get(id)?.settings ?? {};
      await forge(given, (uid) => ({
        [ANNOTATION.createPending]: JSON.stringify({ name, team: TEAM, uid, time: "2026-01-01T00:00:00Z" }),
      }));
      const made = statusOf(world)?.id;
      return made === undefined || made === id ? String(made) : "no: makes another";
    },
  );

  line(
    "own it by `spec.adoptId`",
    { shared: "no: `AlreadyOwned`", operator: "no: `AdoptionNotAllowed`", own: "no: `AlreadyOwned`" },
    async ({ world, id }) => {
      await adoptBySpec(world, id);
      return refusal(world);
    },
  );

  line(
    "own it by the annotation `adopt`",
    { shared: "no: `AlreadyOwned`", operator: "no: `AdoptionNotAllowed`", own: "no: `AlreadyOwned`" },
    async (given) => {
      await forge(given, (uid) => ({ [ANNOTATION.adopt]: `${given.id}@${uid}` }));
      return refusal(given.world);
    },
  );

  line(
    "adopt what it is creating, before its id is saved",
    { shared: "no: `AlreadyOwned`", operator: "no: `AdoptionNotAllowed`", own: "no: `AlreadyOwned`" },
    async ({ world }) => {
      const before = new Set(world.sim.world.machines.keys());
      world.sim.faults.add({ match: { method: "POST", path: "/machines$" }, do: { cut: "after" } });
      world.apply("second");
      await world.until("it is made", () => world.sim.world.machines.size > before.size);
      const [id = ""] = [...world.sim.world.machines.keys()].filter((one) => !before.has(one));
      await adoptBySpec(world, id);
      return statusOf(world)?.id === id ? "yes" : refusal(world);
    },
  );

  line(
    "stop it, or delete it with the object",
    { shared: "no: untouched", operator: "no: untouched", own: "no: untouched" },
    async (given) => {
      const { world, id } = given;
      await forge(given, (uid) => ({ ...record(id)(uid), [ANNOTATION.adopt]: `${id}@${uid}` }), {
        powerState: "Stopped",
      });
      await deleteThief(world);
      return writes(world).length === 0 ? "no: untouched" : "yes";
    },
  );

  line(
    "read its desktop password",
    { shared: "no: no Secret", operator: "no: no Secret", own: "no: no Secret" },
    async (given) => {
      await forge(given, record(given.id), { desktopSecretRef: { name: "desktop" } });
      return given.world.getSecret(OTHER, "desktop") ? "yes" : "no: no Secret";
    },
  );

  line(
    "adopt what no object owns",
    { shared: "yes", operator: "no: `AdoptionNotAllowed`", own: "no: `AdoptNotFound`" },
    async ({ world, free }) => {
      await adoptBySpec(world, free);
      return statusOf(world)?.id === free ? "yes" : refusal(world);
    },
  );

  line(
    "delete that with the object",
    { shared: "yes", operator: "no: untouched", own: "no: untouched" },
    async ({ world, free }) => {
      await adoptBySpec(world, free);
      await deleteThief(world);
      return world.sim.world.machines.get(free)?.dtDeleted === null ? "no: untouched" : "yes";
    },
  );
});

describe("adoption with the operator's own key", () => {
  it("is allowed by a flag, and checked against owners as any other", async () => {
    const world = newWorld();
    withOperatorKey(world, ["--adopt-with-operator-key"]);
    const { id } = world.sim.console.create(TEAM, { machineType: "A4000", region: "ny2" }, "ready");
    world.apply("box", { adoptId: id });
    await world.ready("box");
    world.apply("thief", { adoptId: id }, { namespace: OTHER });
    await world.until("it is refused", () => reason(world, "thief", OTHER) === "AlreadyOwned");
  });

  it("is refused without it, also where the line of a conflict asks for it; a Secret of its own allows it", async () => {
    const world = newWorld();
    withOperatorKey(world);
    const { id } = world.sim.console.create(TEAM, { machineType: "A4000", region: "ny2" }, "ready");
    const uid = await thief(world);
    annotate(world, "thief", { [ANNOTATION.adopt]: `${id}@${uid}`, [ANNOTATION.paused]: null }, OTHER);
    await world.until("it is refused", () => reason(world, "thief", OTHER) === "AdoptionNotAllowed");
    expect(condition(world, "thief", "Stalled", OTHER)?.message).toContain("paperspace-credentials");
    world.secret("sim-key-alpha", OTHER);
    await world.until("it is adopted", () => reason(world, "thief", OTHER) === "Available");
    expect(world.get("thief", world.kube, OTHER)?.status?.id).toBe(id);
  });

  it("is no matter of what an object owns already: a create needs no permission", async () => {
    const world = newWorld();
    withOperatorKey(world);
    world.apply("box");
    await world.ready("box");
    annotate(world, "box", { [ANNOTATION.record]: null });
    await world.clock.advance(10 * MINUTE);
    expect(reason(world, "box")).toBe("Available");
  });
});

describe("an order or a policy that is over", () => {
  it("of adoption is gone once it was carried out: what is made anew is no adoption", async () => {
    const { world, id } = await withVictim();
    world.edit("victim", { metadata: { finalizers: null } });
    world.delete("victim");
    world.apply("heir", { onExternalDeletion: "Recreate" }, { annotations: { [ANNOTATION.paused]: "true" } });
    await world.clock.advance(MINUTE);
    const uid = world.get("heir")?.metadata.uid;
    annotate(world, "heir", { [ANNOTATION.adopt]: `${id}@${uid}`, [ANNOTATION.paused]: null });
    await world.ready("heir");
    expect(world.get("heir")?.status?.id).toBe(id);
    expect(world.get("heir")?.metadata.annotations).not.toHaveProperty([ANNOTATION.adopt]);
    world.sim.console.delete(id, true);
    await world.until("another is made", () => world.machines().some((machine) => machine.id !== id));
    await world.ready("heir");
  });

  it("of deletion is reported as it is: Orphan after the delete was sent comes too late", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    const { id } = onlyMachine(world);
    world.delete("box");
    await world.until("it is sent", () => world.get("box")?.status?.operation?.intent === "Delete");
    world.edit("box", { spec: { deletionPolicy: "Orphan" } });
    const message = () => condition(world, "box", "Ready")?.message ?? "";
    await world.until("it is reported", () => message().includes("Orphan came too late"));
    await world.gone("box");
    expect(world.machines().map((machine) => machine.id)).not.toContain(id);
    expect(eventNotes(world, "Orphaned", "box")).toEqual([]);
    expect(eventNotes(world, "OrphanTooLate", "box")).toHaveLength(1);
  });
});
