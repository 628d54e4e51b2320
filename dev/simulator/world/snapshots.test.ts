import { describe, expect, it } from "vitest";
import { BETA, refusal, setUpConforming, type Written } from "../../../test/simulator/simulation.ts";
import type { Page } from "../api/paging.ts";
import type { Behaviour } from "./behaviour.ts";
import type { EventView } from "./records.ts";
import type { snapshotView } from "./views.ts";

type Snapshot = ReturnType<typeof snapshotView>;
type Taken = { data: Snapshot; event: EventView };

function withSnapshots(behaviour: Partial<Behaviour> = {}) {
  const parts = setUpConforming({ behaviour });
  const { ok, call, clock } = parts;
  const take = (machineId: string, name = "before-upgrade") =>
    ok<Taken>("POST", "/snapshots", { name, machineId });
  /** One that is there. */
  const taken = async (machineId: string, name?: string) => {
    const { data } = await take(machineId, name);
    await clock.advance(60_000);
    return data;
  };
  const list = async (query = "") => (await ok<Page<Snapshot>>("GET", `/snapshots${query}`)).items;
  const restore = (id: string, body: object = {}) => call("POST", `/snapshots/${id}/restore`, body);
  /** `name state` of the machine's events of snapshots, oldest first. */
  const eventsOf = async (machineId: string) => {
    const { items } = await ok<Page<EventView>>("GET", `/machine-events?machineId=${machineId}&order=asc`);
    return items.filter((e) => e.name.startsWith("snapshot")).map((e) => `${e.name} ${e.state}`);
  };
  return { ...parts, take, taken, list, restore, eventsOf };
}

describe("a snapshot", () => {
  it("is listed at once, and only its event shows when it is done", async () => {
    const { clock, event, machineIn, ok, list, take } = withSnapshots({ snapshotCreateMs: 30_000 });
    const id = await machineIn("ready");
    const { data, event: created } = await take(id);
    expect(data).toEqual({ id: data.id, name: "before-upgrade", machineId: id, isAutoSnapshot: false });
    expect(created).toMatchObject({ name: "snapshot-create", state: "new", machineId: id });
    expect(await ok("GET", `/snapshots/${data.id}`)).toEqual(data);
    await clock.advance(29_000);
    expect((await event(created.id)).state).toBe("in progress");
    await clock.advance(1_000);
    expect((await event(created.id)).state).toBe("done");
    expect(await list()).toEqual([data]);
  });

  it("is gone when its making failed, so that no client takes it for a copy", async () => {
    const { clock, sim, call, event, machineIn, list, take } = withSnapshots();
    const id = await machineIn("ready");
    sim.console.failNext({ event: "snapshot-create", error: "no space" });
    const { data, event: created } = await take(id);
    await clock.advance(60_000);
    expect(await event(created.id)).toMatchObject({ state: "error", error: "no space" });
    expect((await call("GET", `/snapshots/${data.id}`)).status).toBe(404);
    expect(await list()).toEqual([]);
  });

  it("goes on while its machine is stopped, since it is no power change that another one replaces", async () => {
    const { clock, act, event, machineIn, take } = withSnapshots();
    const id = await machineIn("ready");
    const { event: created } = await take(id);
    await act(id, "stop");
    await clock.advance(90_000);
    expect((await event(created.id)).state).toBe("done");
  });

  it("is found by its machine, in order of name or date", async () => {
    const { machineIn, list, taken } = withSnapshots();
    const [a, b] = [await machineIn("ready"), await machineIn("off")];
    for (const [machineId, name] of [
      [a, "z"],
      [a, "y"],
      [b, "x"],
    ] as const)
      await taken(machineId, name);
    const names = async (query: string) => (await list(query)).map((s) => s.name);
    expect(await names("?orderBy=name&order=asc")).toEqual(["x", "y", "z"]);
    expect(await names(`?machineId=${a}`)).toEqual(["y", "z"]);
  });

  it("can be renamed, and belongs to its team", async () => {
    const { call, ok, machineIn, taken } = withSnapshots();
    const { id } = await taken(await machineIn("ready"));
    expect(await ok<Snapshot>("PUT", `/snapshots/${id}`, { name: "kept" })).toMatchObject({ name: "kept" });
    expect((await call("GET", `/snapshots/${id}`, undefined, BETA)).status).toBe(404);
  });

  it("is there until its deletion is done, and a second DELETE is answered as deleteWhileDeleting specifies", async () => {
    const { clock, sim, call, ok, machineIn, list, taken } = withSnapshots();
    const { id } = await taken(await machineIn("ready"));
    const first = await ok<Taken>("DELETE", `/snapshots/${id}`);
    expect(first).toMatchObject({ data: { id }, event: { name: "snapshot-delete", state: "new" } });
    expect((await ok<Taken>("DELETE", `/snapshots/${id}`)).event.id).toBe(first.event.id);
    sim.world.setBehaviour({ deleteWhileDeleting: "notFound" });
    expect((await call("DELETE", `/snapshots/${id}`)).status).toBe(404);
    sim.world.setBehaviour({ deleteWhileDeleting: "error" });
    expect((await call("DELETE", `/snapshots/${id}`)).status).toBe(409);
    expect(await list()).toHaveLength(1);
    await clock.advance(10_000);
    expect(await list()).toEqual([]);
  });

  it("stays when its deletion failed, and can be deleted again", async () => {
    const { clock, sim, ok, machineIn, list, taken } = withSnapshots();
    const { id } = await taken(await machineIn("ready"));
    sim.console.failNext({ event: "snapshot-delete" });
    const first = await ok<Taken>("DELETE", `/snapshots/${id}`);
    await clock.advance(10_000);
    expect(await list()).toHaveLength(1);
    expect((await ok<Taken>("DELETE", `/snapshots/${id}`)).event.id).not.toBe(first.event.id);
  });

  it("needs a machine of the team that stays, and a team in good standing", async () => {
    const { sim, call, ok, machineIn, taken, restore } = withSnapshots();
    const [id, going] = [await machineIn("ready"), await machineIn("ready")];
    const { id: snapshotId } = await taken(id);
    const post = async (machineId: string) =>
      (await call("POST", "/snapshots", { name: "x", machineId })).status;
    expect(await post("psnothing")).toBe(404);
    await ok("DELETE", `/machines/${going}`);
    expect(await post(going)).toBe(409);
    sim.console.setStanding("te-alpha", false);
    expect([await post(id), (await restore(snapshotId)).status]).toEqual([412, 412]);
  });

  it.each([
    ["gone", 0],
    ["kept", 1],
  ] as const)("of a deleted machine is treated as snapshotsOfDeleted specifies: %s", async (rule, left) => {
    const { clock, ok, event, machineIn, list, take, taken, restore } = withSnapshots({
      snapshotsOfDeleted: rule,
    });
    const id = await machineIn("ready");
    const { id: snapshotId } = await taken(id);
    await ok("DELETE", `/machines/${id}`).then(() => clock.advance(20_000));
    expect(await list()).toHaveLength(1);
    await clock.advance(60_000);
    expect(await list()).toHaveLength(left);
    expect((await restore(snapshotId)).status).toBe(404);

    const other = await machineIn("ready");
    const unfinished = await take(other);
    const { event: gone } = await ok<Written>("DELETE", `/machines/${other}`);
    await clock.advance(10_000);
    expect((await event(unfinished.event.id)).state).toBe("in progress");
    await clock.advance(90_000);
    expect((await event(gone.id)).state).toBe("done");
    expect(await list(`?machineId=${other}`)).toHaveLength(left);
  });

  it("that is unfinished when its machine goes is cancelled and never was", async () => {
    const { clock, ok, event, machineIn, list, take } = withSnapshots({
      snapshotCreateMs: 300_000,
      snapshotsOfDeleted: "kept",
    });
    const id = await machineIn("ready");
    const { event: created } = await take(id);
    await ok("DELETE", `/machines/${id}`);
    await clock.advance(600_000);
    expect((await event(created.id)).state).toBe("cancelled");
    expect(await list()).toEqual([]);
  });
});

describe("a snapshot that outlives its machine", () => {
  it("can still be deleted, even when the machine's end cancelled that once", async () => {
    const { clock, ok, event, machineIn, list, taken } = withSnapshots({
      snapshotsOfDeleted: "kept",
      snapshotDeleteMs: 300_000,
    });
    const id = await machineIn("ready");
    const snapshot = await taken(id);
    const first = await ok<Taken>("DELETE", `/snapshots/${snapshot.id}`);
    await ok("DELETE", `/machines/${id}`);
    await clock.advance(90_000);
    expect((await event(first.event.id)).state).toBe("cancelled");
    const second = await ok<Taken>("DELETE", `/snapshots/${snapshot.id}`);
    await clock.advance(250_000);
    expect((await ok<Taken>("DELETE", `/snapshots/${snapshot.id}`)).event.id).toBe(second.event.id);
    await clock.advance(100_000);
    expect((await event(second.event.id)).state).toBe("done");
    expect(await list()).toEqual([]);
  });
});

describe("restoring", () => {
  it("puts the machine back to its snapshot under an event of its own", async () => {
    const { clock, sim, event, machineIn, taken, restore } = withSnapshots({ snapshotRestoreMs: 40_000 });
    const id = await machineIn("ready");
    const snapshot = await taken(id);
    const restored = (await restore(snapshot.id)).json as Taken;
    expect(restored).toMatchObject({ data: snapshot, event: { name: "snapshot-restore", machineId: id } });
    await clock.advance(39_000);
    expect(sim.console.machine(id).restoredFrom).toBeNull();
    await clock.advance(1_000);
    expect((await event(restored.event.id)).state).toBe("done");
    expect(sim.console.state().machines[0]?.restoredFrom).toBe(snapshot.id);
  });

  it("takes a snapshot of the present disk first, where requested", async () => {
    const { clock, sim, machineIn, list, taken, restore, eventsOf } = withSnapshots();
    const id = await machineIn("off");
    const snapshot = await taken(id);
    await restore(snapshot.id, { createSnapshotBeforeRestore: true });
    await clock.advance(25_000);
    expect(await list()).toHaveLength(2);
    expect(sim.console.machine(id).restoredFrom).toBeNull();
    await clock.advance(60_000);
    expect(await eventsOf(id)).toEqual([
      "snapshot-create done",
      "snapshot-restore done",
      "snapshot-create done",
    ]);
    expect(sim.console.machine(id).restoredFrom).toBe(snapshot.id);
  });

  it("does not happen when the snapshot before it failed, or its own event did", async () => {
    const { clock, sim, machineIn, taken, restore, eventsOf } = withSnapshots();
    const id = await machineIn("off");
    const snapshot = await taken(id);
    sim.console.failNext({ event: "snapshot-create" });
    await restore(snapshot.id, { createSnapshotBeforeRestore: true });
    await clock.advance(90_000);
    sim.console.failNext({ event: "snapshot-restore" });
    await restore(snapshot.id);
    await clock.advance(90_000);
    expect(sim.console.machine(id).restoredFrom).toBeNull();
    expect(await eventsOf(id)).toEqual([
      "snapshot-create done",
      "snapshot-restore error",
      "snapshot-create error",
      "snapshot-restore error",
    ]);
  });

  it.each([
    ["any", 200],
    ["off", 409],
  ] as const)("wants the machine in the state that restoreNeeds specifies: %s", async (rule, whileOn) => {
    const { act, clock, machineIn, taken, restore } = withSnapshots({ restoreNeeds: rule });
    const id = await machineIn("ready");
    const snapshot = await taken(id);
    expect((await restore(snapshot.id)).status).toBe(whileOn);
    await act(id, "stop");
    await clock.advance(90_000);
    expect((await restore(snapshot.id)).status).toBe(200);
  });

  it("is refused from a snapshot that is being deleted", async () => {
    const { ok, machineIn, taken, restore } = withSnapshots();
    const { id } = await taken(await machineIn("off"));
    await ok("DELETE", `/snapshots/${id}`);
    expect(refusal(await restore(id)).code).toBe("CONFLICT");
  });
});

describe("automatic snapshots", () => {
  it("drop the oldest beyond autoSnapshotSaveCount, and never one that was made by hand", async () => {
    const { clock, sim, ok, machineIn, list, taken, eventsOf } = withSnapshots();
    const id = await machineIn("ready", { autoSnapshotEnabled: true, autoSnapshotSaveCount: 2 });
    await taken(id, "mine");
    const ids: string[] = [];
    for (let day = 0; day < 4; day++) {
      ids.push(sim.console.autoSnapshot(id).id);
      await clock.advance(86_400_000);
    }
    const left = await list("?order=asc");
    expect(left.map((s) => s.id).slice(1)).toEqual(ids.slice(2));
    expect(left.map((s) => s.isAutoSnapshot)).toEqual([false, true, true]);
    expect((await eventsOf(id)).filter((e) => e === "snapshot-delete done")).toHaveLength(2);
    await ok("PUT", `/machines/${id}`, { autoSnapshotSaveCount: 5 });
    sim.console.autoSnapshot(id);
    await clock.advance(60_000);
    expect(await list()).toHaveLength(4);
  });

  it("are kept for good where no count is set, and not made of what is being deleted", async () => {
    const { clock, sim, ok, machineIn, list } = withSnapshots();
    const id = await machineIn("ready");
    for (let i = 0; i < 5; i++) sim.console.autoSnapshot(id);
    await clock.advance(60_000);
    expect(await list()).toHaveLength(5);
    await ok("DELETE", `/machines/${id}`);
    expect(() => sim.console.autoSnapshot(id)).toThrow(/being deleted/);
  });
});

describe("restore points", () => {
  const POINT = { restorePointEnabled: true, restorePointFrequency: "shutdown" } as const;

  it("rest on the first boot's snapshot, which is one like any other", async () => {
    const { create, clock, machine, list } = withSnapshots();
    const { data } = await create({ takeInitialSnapshot: true, ...POINT });
    await clock.advance(120_000);
    const [initial] = await list(`?machineId=${data.id}`);
    expect(initial).toMatchObject({ isAutoSnapshot: false });
    expect((await machine(data.id)).restorePointSnapshotId).toBe(initial?.id);
  });

  it("put the disk back after every shutdown, whatever shut the machine down", async () => {
    const { act, clock, sim, create, list, eventsOf } = withSnapshots();
    const { data } = await create({ takeInitialSnapshot: true, ...POINT });
    await clock.advance(120_000);
    await act(data.id, "stop");
    await clock.advance(120_000);
    expect(await eventsOf(data.id)).toEqual(["snapshot-create done", "snapshot-restore done"]);
    expect(sim.console.machine(data.id).restoredFrom).toBe((await list())[0]?.id);
    await act(data.id, "start");
    await clock.advance(120_000);
    sim.console.autoShutdown(data.id);
    await clock.advance(120_000);
    expect(await eventsOf(data.id)).toHaveLength(3);
  });

  it.each([
    ["is not enabled", { restorePointEnabled: false }],
    ["names no snapshot", { ...POINT }],
  ])("do nothing where one %s", async (_name, settings) => {
    const { act, clock, ok, machineIn, eventsOf } = withSnapshots();
    const id = await machineIn("ready");
    await ok("PUT", `/machines/${id}`, settings);
    await act(id, "stop");
    await clock.advance(120_000);
    expect(await eventsOf(id)).toEqual([]);
  });

  it("rest on a snapshot of the machine itself only, with a configurable code", async () => {
    const { sim, call, ok, machine, machineIn, taken } = withSnapshots();
    const [id, other] = [await machineIn("ready"), await machineIn("ready")];
    const [own, foreign] = [await taken(id), await taken(other)];
    const put = (snapshotId: string) =>
      call("PUT", `/machines/${id}`, { ...POINT, restorePointSnapshotId: snapshotId });
    expect(refusal(await put(foreign.id)).code).toBe("NOT_FOUND");
    sim.world.setBehaviour({ invalidSnapshotCode: "BAD_REQUEST" });
    expect((await put("snnothing")).status).toBe(400);
    expect((await machine(id)).restorePointEnabled).toBe(false);
    expect((await put(own.id)).status).toBe(200);
    await ok("DELETE", `/snapshots/${own.id}`);
    expect((await put(own.id)).status).toBe(400);
  });

  it.each([
    ["accept", 200, null],
    ["refuse", 409, expect.any(String)],
  ] as const)("lose their snapshot as deleteRestorePoint specifies: %s", async (rule, status, left) => {
    const { clock, call, ok, machine, machineIn, taken } = withSnapshots({ deleteRestorePoint: rule });
    const id = await machineIn("ready");
    const snapshot = await taken(id);
    await ok("PUT", `/machines/${id}`, { ...POINT, restorePointSnapshotId: snapshot.id });
    expect((await call("DELETE", `/snapshots/${snapshot.id}`)).status).toBe(status);
    await clock.advance(30_000);
    expect((await machine(id)).restorePointSnapshotId).toEqual(left);
  });

  it("do not rest on a first snapshot that was deleted while it was made", async () => {
    const { clock, call, create, list, machine } = withSnapshots();
    const { data } = await create({ takeInitialSnapshot: true, ...POINT });
    while ((await list()).length === 0) await clock.advance(1_000);
    await call("DELETE", `/snapshots/${(await list())[0]?.id}`);
    await clock.advance(120_000);
    expect((await machine(data.id)).restorePointSnapshotId).toBeNull();
  });
});
