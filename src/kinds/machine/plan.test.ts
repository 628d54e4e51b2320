import { describe, expect, it } from "vitest";
import {
  DELETING,
  hardware,
  PEOPLE,
  policy,
  REQUESTED,
  SCRIPTS,
  SELF_SHUT_DOWN,
  SETTINGS,
  states,
  UNSEEN,
  WISH,
} from "../../../test/decide/machine/axes.ts";
import { ADA, EVE, every, GIB, scene } from "../../../test/decide/machine/situations.ts";
import { decideMachine } from "./decide.ts";
import { FACT, type MachineObservation, type Related, TO_RESIZE } from "./observation.ts";
import { planOf, unknownOf } from "./plan.ts";
import type { MachineSpec } from "./types.ts";

function observation(
  spec: Partial<MachineSpec>,
  over: Partial<MachineObservation> = {},
  related: Partial<Related> = {},
): MachineObservation {
  const made = scene();
  Object.assign(made.spec, spec);
  Object.assign(made.related, related);
  return Object.assign(made.observation, over);
}

function seen(state: string, over: object = {}): Pick<MachineObservation, "resource"> {
  return { resource: { state: "present", machine: { ...scene().machine, state, ...over } } };
}

const GONE = { resource: { state: "absent", certain: true } } as const;
const actions = (plan: ReturnType<typeof planOf>) => plan.map(({ action }) => action);

describe("planOf", () => {
  it("is empty where nothing would be done, so that silence means it", () => {
    expect(planOf(observation({}))).toEqual([]);
    expect(planOf(observation({ powerState: "Stopped" }, seen("off")))).toEqual([]);
    expect(planOf(observation({}, { resource: { state: "unknown" } }))).toEqual([]);
    expect(planOf(observation({}, { resource: { state: "absent", certain: false } }))).toEqual([]);
  });

  it("names what needs the machine off, which is what people fear", () => {
    const desired = { machineType: "H100", diskSize: 100 };
    expect(planOf(observation(desired))).toEqual([
      {
        action: "Resize",
        field: "machineType",
        from: '"A4000"',
        to: '"H100"',
        needsStop: true,
        losesData: false,
      },
      { action: "Resize", field: "diskSize", from: "50", to: "100", needsStop: true, losesData: false },
    ]);
    const off = planOf(observation({ ...desired, powerState: "Stopped" }, seen("off")));
    expect(off.map(({ needsStop }) => needsStop)).toEqual([false, false]);
  });

  it("names what loses data: a restore point throws away what was written since, switching it off does not", () => {
    const loses = (spec: Partial<MachineSpec>, machine: object) =>
      planOf(observation(spec, seen("ready", machine))).map(({ losesData }) => losesData);
    expect(loses({ restorePoint: { enabled: true } }, { restorePointEnabled: false })).toEqual([true]);
    expect(loses({ restorePoint: { enabled: false } }, { restorePointEnabled: true })).toEqual([false]);
    const other = { restorePointEnabled: true, restorePointSnapshotId: "sn1" };
    expect(loses({ restorePoint: { enabled: true, snapshotId: "sn2" } }, other)).toEqual([true]);
    expect(loses({ name: "another", diskSize: 100 }, {})).toEqual([false, false]);
  });

  it("says that a deletion loses the disk, and that nothing is deleted where nothing is owned, kept or left", () => {
    const deleting = { deleting: true } as const;
    expect(planOf(observation({}, deleting))).toEqual([
      { action: "Delete", needsStop: false, losesData: true },
    ]);
    expect(planOf(observation({}, { ...deleting, deletionPolicy: "Orphan" }))).toEqual([]);
    expect(planOf(observation({}, { ...deleting, identity: { state: "none" } }))).toEqual([]);
    expect(planOf(observation({}, { ...deleting, ...GONE }))).toEqual([]);
  });

  it("shows a create with all it would be made of, and none of our own policies", () => {
    const plan = planOf(
      observation({ startupScriptId: "s1", resizePolicy: "StopAndResize" }, { identity: { state: "none" } }),
    );
    expect(plan[0]).toEqual({ action: "Create", needsStop: false, losesData: false });
    expect(plan.slice(1).every(({ action }) => action === "Create")).toBe(true);
    expect(Object.fromEntries(plan.slice(1).map(({ field, to }) => [field, to]))).toEqual({
      machineType: '"A4000"',
      region: '"ny2"',
      templateId: '"t0nspur5"',
      diskSize: "50",
      powerState: '"Running"',
      startupScriptId: '"s1"',
      emailPassword: "false",
    });
  });

  it("makes a machine again that is gone only where that is declared", () => {
    expect(planOf(observation({}, GONE))).toEqual([]);
    expect(actions(planOf(observation({ onExternalDeletion: "Recreate" }, GONE)))[0]).toBe("Create");
  });

  it("plans nothing where it is at odds who owns what: nothing would be done", () => {
    const conflict = { state: "conflict", message: "a copy" } as const;
    for (const deleting of [false, true])
      expect(planOf(observation({ name: "another" }, { identity: conflict, deleting }))).toEqual([]);
  });

  it("takes nobody's access away, even on paper, while an address is not resolved", () => {
    const accessors = { userIds: [ADA.id], emails: ["bob@example.org"] };
    const known = { accessors: [EVE] };
    expect(actions(planOf(observation({ accessors }, {}, known)))).toEqual(["Grant"]);
    expect(actions(planOf(observation({ accessors }, {}, { ...known, users: [ADA] })))).toEqual([
      "Grant",
      "Revoke",
    ]);
  });

  it("does not plan to start what shut itself down, until it is asked for", () => {
    const rests = { ...seen("off", { autoShutdownEnabled: true }), memory: { power: "Running" } } as const;
    expect(planOf(observation({}, rests))).toEqual([]);
    expect(actions(planOf(observation({}, { ...rests, requests: { start: "s1" } })))).toEqual(["Start"]);
    expect(actions(planOf(observation({}, seen("off", { autoShutdownEnabled: true }))))).toEqual(["Start"]);
  });

  it("does not guess where a machine on its way will end", () => {
    for (const state of ["starting", "stopping", "upgrading", "a-state-of-tomorrow"])
      for (const powerState of ["Running", "Stopped"] as const)
        expect(planOf(observation({ powerState }, seen(state)))).toEqual([]);
    expect(planOf(observation({}, seen("serviceready")))).toEqual([]);
    expect(actions(planOf(observation({ powerState: "Stopped" }, seen("serviceready"))))).toEqual(["Stop"]);
  });

  it("does not plan what cannot be done: no disk shrinks", () => {
    expect(planOf(observation({}, seen("ready", { storageTotal: 100 * GIB })))).toEqual([]);
  });

  it("names what would be done first, whatever is known, and is empty where all is done", () => {
    const wrong = new Set<string>();
    const axes = [
      SETTINGS,
      SCRIPTS,
      PEOPLE,
      hardware(),
      policy("StopAndResize"),
      [...UNSEEN, ...states("ready", "serviceready", "off", "starting")],
      WISH,
      SELF_SHUT_DOWN,
      REQUESTED.slice(0, 2),
      DELETING,
    ];
    const observations = every(axes, ({ observation }) => {
      const { step } = decideMachine(observation);
      const plan = actions(planOf(observation));
      const does = step.do === "stop" && step.target === TO_RESIZE ? "resize" : step.do;
      const named = plan.some((action) => action.toLowerCase() === does);
      if (PLANNED.has(does) && !named) wrong.add(`${does} is not in the plan (${plan})`);
      if (step.do === "none" && step.outcome.kind === "Done" && plan.length > 0)
        wrong.add(`done, but ${plan}`);
    });
    expect([...wrong]).toEqual([]);
    expect(observations).toBeGreaterThan(200_000);
  }, 120_000);
});

/** Changes of the machine; what is beside it in the cluster and the account is not planned. */
const PLANNED = new Set([
  "update",
  "assign",
  "unassign",
  "grant",
  "revoke",
  "resize",
  "start",
  "stop",
  "delete",
]);

describe("unknownOf", () => {
  it("names what a complete plan lacks, so that it is looked up although nothing may be done", () => {
    const spec = { startupScriptId: "s1", accessors: { emails: ["bob@example.org"] } };
    expect(unknownOf(observation({}))).toEqual([]);
    expect(unknownOf(observation(spec))).toEqual([FACT.scripts, FACT.accessors]);
    expect(unknownOf(observation(spec, {}, { scripts: [], accessors: [] }))).toEqual([FACT.users]);
    expect(unknownOf(observation(spec, {}, { scripts: [], accessors: [], users: [] }))).toEqual([]);
  });
});
