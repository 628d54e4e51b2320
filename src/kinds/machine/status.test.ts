import { Value } from "typebox/value";
import { describe, expect, it } from "vitest";
import { GIB, MINUTE, NOW, RECORD, TEAM, UID } from "../../../test/decide/machine/situations.ts";
import {
  condition,
  DONE,
  event,
  HALT,
  HALTS,
  STALLED,
  START,
  status,
  viewOf,
  WAITS,
} from "../../../test/decide/machine/status.ts";
import type { Machine } from "./api.ts";
import { AWAIT_CAPACITY, type MachineMemory } from "./observation.ts";
import { REASON } from "./reasons.ts";
import { machineStatus } from "./status.ts";
import { machineStatusSchema } from "./status-schema.ts";

describe("machineStatus", () => {
  it("moves the time of a condition only with its status: users read it as the start of that status", () => {
    const first = status({ outcome: WAITS });
    const later = { observation: { now: NOW + MINUTE }, before: first };
    expect(condition(status({ ...later, outcome: STALLED }), "Ready")).toMatchObject({
      status: "False",
      lastTransitionTime: "2026-06-01T00:00:00Z",
    });
    expect(condition(status({ ...later, outcome: DONE }), "Ready")).toMatchObject({
      status: "True",
      lastTransitionTime: "2026-06-01T00:01:00Z",
    });
  });

  it("leaves out what a fresh machine does not report yet, rather than show nothing as a fact", () => {
    const fresh = {
      ram: 0,
      storageTotal: null,
      os: "",
      machineType: "",
      publicIp: null,
      updatesPending: false,
      cpus: 1,
    };
    const shown = status({ machine: { ...fresh, dtCreated: "soon", accelerators: [] } });
    for (const field of [
      "ram",
      "storageTotal",
      "os",
      "machineType",
      "publicIp",
      "updatesPending",
      "createdAt",
      "accelerators",
    ])
      expect(shown).not.toHaveProperty(field);
    expect(shown.cpus).toBe(1);
  });

  it("shows numbers that the schema takes: a fraction would make the API server refuse the whole status", () => {
    const odd = status({
      machine: {
        ram: 1.5,
        storageTotal: 50.4 * GIB,
        accelerators: [{ name: "A100", count: 1, memory: 80.2 }],
      },
    });
    expect(Value.Check(machineStatusSchema, odd)).toBe(true);
    expect(odd).toMatchObject({ ram: 2, accelerators: [{ name: "A100", count: 1, memory: 80 }] });
  });

  it("shows a reservation only where it is whole", () => {
    const whole = {
      id: "r1",
      name: null,
      isActive: true,
      dtStarted: "2026-06-01T00:00:00Z",
      dtFinished: "2026-07-01T00:00:00Z",
    };
    expect(status({ machine: { reservation: whole } }).reservation).toMatchObject({
      id: "r1",
      name: "",
      isActive: true,
    });
    expect(status({ machine: { reservation: { ...whole, dtFinished: null } } })).not.toHaveProperty(
      "reservation",
    );
  });

  it("holds nothing secret, whatever else the API may send with a machine one day", () => {
    const withSecrets = {
      vncPassword: "hunter2",
      desktop: { password: "hunter2" },
      apiKey: "hunter2",
    } as Partial<Machine>;
    const spec = { desktopSecretRef: { name: "mine" }, credentialsSecretRef: { name: "key" } };
    const given = { machine: withSecrets, spec, memory: { desktopSecret: "mine" } };
    for (const outcome of [DONE, WAITS, STALLED])
      expect(JSON.stringify(status({ ...given, outcome }))).not.toContain("hunter2");
    const planned = status({ ...given, outcome: HALTS, observation: { halted: HALT } });
    expect(JSON.stringify(planned)).not.toContain("hunter2");
  });

  it("remembers all that must outlive a restart of the operator", () => {
    const memory: MachineMemory = {
      operation: START,
      power: "Running",
      resizeRefusal: { machineType: "H100", message: "no", at: "2026-06-01T00:00:00Z" },
      staticIp: "203.0.113.7",
      desktopSecret: "mine",
    };
    expect(status({ memory, outcome: WAITS })).toMatchObject({
      ...memory,
      id: "ps1",
      teamId: TEAM,
      uid: UID,
    });
    const handled = { ...RECORD, restart: "r1" };
    const observation = viewOf({});
    const object = { metadata: { name: "box", uid: UID }, spec: observation.spec };
    expect(machineStatus(observation, {}, DONE, { key: "box", object, record: handled }).handled).toEqual({
      restart: "r1",
    });
  });
});

describe("machineStatus while something is under way", () => {
  const first = status({
    machine: { state: "starting", ram: 0 },
    memory: { operation: START },
    outcome: WAITS,
  });

  it("does not let details trickle: a change costs a handful of writes and not one for each address", () => {
    const more = { state: "starting", ram: 45 * GIB, privateIp: "10.0.0.1", name: "renamed" };
    const next = status({ before: first, machine: more, memory: { operation: START }, outcome: WAITS });
    expect(next).toEqual(first);
    const ready = status({
      before: first,
      machine: { ...more, state: "ready" },
      memory: { operation: START },
      outcome: WAITS,
    });
    expect(ready).toMatchObject({ state: "ready", ram: 45 * GIB, privateIp: "10.0.0.1" });
  });

  it("shows a failure at once: users should not wait for the next state to see it", () => {
    const failed = { history: [event("e1", "error")] };
    const next = status({
      before: first,
      machine: { state: "starting" },
      memory: { operation: START },
      observation: failed,
    });
    expect(next.lastEvents).toMatchObject([{ id: "e1", state: "error", error: "no" }]);
    expect(
      status({
        before: next,
        machine: { state: "starting" },
        memory: { operation: START },
        observation: failed,
      }),
    ).toEqual(next);
  });

  it("shows the machine as it is while it only waits for hardware, which may take for days", () => {
    const memory = { operation: { ...START, intent: AWAIT_CAPACITY } };
    const off = status({ machine: { state: "off" }, memory, outcome: WAITS });
    const renamed = status({
      before: off,
      machine: { state: "off", name: "renamed" },
      memory,
      outcome: WAITS,
    });
    expect(renamed.name).toBe("renamed");
  });
});

describe("machineStatus of what cannot be seen", () => {
  const before = status({
    machine: { privateIp: "10.0.0.1" },
    observation: { history: [event("e1", "done")] },
  });

  it("keeps what was last observed, since it is all there is", () => {
    const unseen = status({ before, observation: { resource: { state: "unknown" } }, outcome: WAITS });
    expect(unseen).toMatchObject({ state: "ready", privateIp: "10.0.0.1", lastEvents: before.lastEvents });
    expect(condition(unseen, "Synced")).toBeUndefined();
    expect(condition(unseen, "Running")).toBeUndefined();
  });

  it("shows nothing of a machine that is gone for certain, but whose it was", () => {
    const gone = status({
      before,
      observation: { resource: { state: "absent", certain: true } },
      outcome: STALLED,
    });
    expect(gone).not.toHaveProperty("state");
    expect(gone).not.toHaveProperty("privateIp");
    expect(gone).toMatchObject({ id: "ps1", teamId: TEAM });
  });

  it("leaves a conflict as it is found: written anew it would be none, and a second machine be made", () => {
    const copied = { ...before, id: "ps9", uid: "another", operation: START };
    const conflict = { identity: { state: "conflict", message: "a copy" } } as const;
    const { conditions, observedGeneration, ...rest } = status({
      before: copied,
      observation: conflict,
      outcome: STALLED,
      owns: false,
    });
    const { conditions: _conditions, observedGeneration: _observed, ...expected } = copied;
    expect(rest).toEqual(expected);
    expect(observedGeneration).toBe(3);
    expect(conditions?.find(({ type }) => type === "Stalled")?.reason).toBe("ResizeRefused");
  });

  it("forgets the id of what is not owned any more, and no names of creates that were given up", () => {
    const abandoned = { ...before, abandoned: ["box-1"] };
    const none = { identity: { state: "none" }, resource: { state: "unknown" } } as const;
    const after = status({ before: abandoned, observation: none, owns: false, outcome: WAITS });
    expect(after).not.toHaveProperty("id");
    expect(after.abandoned).toEqual(["box-1"]);
  });
});

describe("lastEvents in the status", () => {
  it("reports that there is nothing only once that is certain: else the past of a machine would be reported as new events", () => {
    expect(status()).not.toHaveProperty("lastEvents");
    const seen = status({ observation: { history: [event("e1", "done")] } });
    expect(seen.lastEvents).toHaveLength(1);
    expect(status({ before: seen }).lastEvents).toEqual(seen.lastEvents);
  });
});

describe("machineStatus under dry-run and pause", () => {
  const halted = { halted: HALT };

  it("writes the plan under dry-run, an empty one where nothing would be done, and none otherwise", () => {
    expect(status({ observation: halted, outcome: HALTS }).plan).toEqual([]);
    expect(status({ observation: halted, outcome: HALTS, spec: { name: "new" } }).plan).toMatchObject([
      { action: "Update" },
    ]);
    const paused = { reason: REASON.Paused, message: "paused" };
    expect(status({ observation: { halted: paused }, outcome: { ...HALTS, ...paused } })).not.toHaveProperty(
      "plan",
    );
    const planned = status({ observation: halted, outcome: HALTS, spec: { name: "new" } });
    expect(status({ before: planned })).not.toHaveProperty("plan");
  });

  it("does not claim to have observed a spec that it was kept from: tools would treat it as done", () => {
    const before = { ...status({ generation: 2 }) };
    expect(status({ before, observation: halted, outcome: HALTS, generation: 3 }).observedGeneration).toBe(2);
    expect(status({ observation: halted, outcome: HALTS }).observedGeneration).toBe(-1);
  });

  it("keeps what it reported before, and adds that it is paused and whether the machine runs", () => {
    const before = status({ outcome: WAITS, machine: { state: "starting" } });
    const after = status({ before, observation: halted, outcome: HALTS, machine: { state: "ready" } });
    expect(condition(after, "Ready")).toEqual(condition(before, "Ready"));
    expect(condition(after, "Reconciling")).toEqual(condition(before, "Reconciling"));
    expect(condition(after, "Paused")).toMatchObject({ status: "True", reason: REASON.DryRun });
    expect(condition(after, "Running")?.status).toBe("True");
  });
});
