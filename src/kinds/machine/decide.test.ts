import { describe, expect, it } from "vitest";
import { toTime } from "../../kube/objects.ts";
import type { Identity } from "../../reconcile/identity.ts";
import type { Operation } from "../../reconcile/kind.ts";
import type { AccountFact, OwnershipStep, Resolution } from "../../reconcile/ownership.ts";
import type { Machine } from "./api.ts";
import { decide } from "./decide.ts";
import type { EventFact } from "./operation.ts";
import { SPEC } from "./spec.fixture.ts";
import type { PowerState } from "./types.ts";
import type { MachineLimits, MachineMemory, MachineStep, MachineView, Sighting } from "./view.ts";

const NOW = Date.UTC(2026, 5, 1);
const MINUTE = 60_000;
const limits: MachineLimits = {
  resendMs: 30_000,
  slowMs: 10 * MINUTE,
  lookMs: 3_000,
  absenceGraceMs: 2 * MINUTE,
  observeMs: 15 * MINUTE,
  capacityMs: 30 * MINUTE,
};
const DEADLINE_MS = 15 * MINUTE;
const TEAM = "te1";
const UID = "uid-1";
const ID = "ps1";

const STATES = [
  "off",
  "starting",
  "stopping",
  "restarting",
  "serviceready",
  "ready",
  "upgrading",
  "provisioning",
  "a-state-of-tomorrow",
] as const;

function machine(state: string, autoShutdown = false): Machine {
  return {
    id: ID,
    name: "box-1",
    state,
    machineType: "A4000",
    region: "ny2",
    autoShutdownEnabled: autoShutdown,
  };
}

const sightings: Sighting[] = [
  { state: "unknown" },
  { state: "absent", certain: false },
  { state: "absent", certain: true },
  ...STATES.map((state) => ({ state: "present", machine: machine(state) }) as const),
  { state: "present", machine: machine("off", true) },
];

const record = { id: ID, team: TEAM, name: "box-1", uid: UID };
const identities: Identity[] = [
  { state: "none" },
  { state: "ours", record, restore: false },
  { state: "ours", record, restore: true },
  { state: "ours", record, restore: false, contradicted: "adoptId names another" },
  { state: "adopt", id: ID },
  { state: "conflict", message: "a copy" },
];

const resolutions: (Resolution | undefined)[] = [
  undefined,
  { state: "open", message: "searching", lookAfterMs: 3_000 },
  { state: "found", ids: [ID] },
  { state: "found", ids: [ID, "ps2"] },
  { state: "surelyNone" },
];
const attempt = { name: "box-1", team: TEAM, uid: UID, time: toTime(NOW - MINUTE) };

const accounts: AccountFact[] = [
  { state: "valid", team: TEAM },
  { state: "valid", team: "another-team" },
  { state: "invalid", message: "no key" },
  { state: "unreachable", message: "503" },
];

const facts: EventFact[] = [
  { state: "none" },
  { state: "pending" },
  { state: "done" },
  { state: "failed", message: "event e1 ended in error" },
  { state: "vanished" },
];

/** Fresh, past the time to send again, past the deadline, past the slow retry after that. */
const AGES = [1_000, MINUTE, DEADLINE_MS + MINUTE, DEADLINE_MS + 20 * MINUTE];

function operations(): (Operation | undefined)[] {
  const kinds: [string, PowerState | undefined][] = [
    ["Create", "Running"],
    ["Create", "Stopped"],
    ["Start", "Running"],
    ["Stop", "Stopped"],
    ["Delete", undefined],
    ["Observe", undefined],
  ];
  const all = kinds.flatMap(([intent, target]) =>
    AGES.map((age) => ({
      intent,
      requestedAt: toTime(NOW - age),
      deadline: toTime(NOW - age + DEADLINE_MS),
      eventId: "e1",
      ...(target && { target }),
    })),
  );
  return [undefined, ...all];
}

/** Nothing speaks against anything. */
const AROUND: MachineView["around"] = {
  standing: { good: true, messages: [] },
  machines: { count: 1, most: 10 },
  capacity: { A4000: { hint: "free" } },
  troubles: {},
};

function view(over: Partial<MachineView>): MachineView {
  return {
    deleting: false,
    finalizer: true,
    deletionPolicy: "Delete",
    identity: { state: "ours", record, restore: false },
    account: { state: "valid", team: TEAM },
    requests: {},
    held: {},
    recheckMs: 30_000,
    spec: SPEC,
    sighting: { state: "unknown" },
    event: { state: "none" },
    history: [],
    memory: {},
    around: AROUND,
    leaks: [],
    now: NOW,
    limits,
    ...over,
  };
}

/** Every combination: some six million. */
function* everyView(): Generator<MachineView> {
  const base = view({});
  for (const operation of operations())
    for (const event of operation ? facts : [facts[0] as EventFact])
      for (const sighting of sightings)
        for (const powerState of ["Running", "Stopped"] as const)
          for (const power of [undefined, "Running"] as const)
            for (const deleting of [false, true])
              for (const owner of owners())
                yield {
                  ...base,
                  ...owner,
                  deleting,
                  sighting,
                  event,
                  spec: { ...base.spec, powerState },
                  memory: { ...(operation && { operation }), ...(power && { power }) },
                };
}

type Owner = Pick<
  MachineView,
  "identity" | "attempt" | "resolution" | "account" | "finalizer" | "halted" | "deletionPolicy" | "claimedBy"
>;

/** Identity × attempt × account × finalizer × halt × policy, kept once for all machine states. */
const OWNERS: Owner[] = [];
function owners(): Owner[] {
  if (OWNERS.length > 0) return OWNERS;
  for (const identity of identities)
    for (const resolution of resolutions)
      for (const account of accounts)
        for (const more of [
          {},
          { finalizer: false },
          { halted: { reason: "Paused", message: "paused" } },
          { deletionPolicy: "Orphan" as const },
          { claimedBy: "default/other" },
        ] satisfies Partial<Owner>[])
          OWNERS.push({
            identity,
            account,
            finalizer: true,
            deletionPolicy: "Delete",
            ...(resolution && { attempt, resolution }),
            ...more,
          });
  return OWNERS;
}

type Step = OwnershipStep | MachineStep;
const WRITES = new Set<Step["do"]>(["create", "update", "start", "stop", "delete"]);

/** What is wrong about taking this step in this view; undefined when nothing is. */
function wrong(seen: MachineView, step: Step): string | undefined {
  const { identity, account, deleting, halted, finalizer } = seen;
  const valid = account.state === "valid";
  if (WRITES.has(step.do)) {
    if (!finalizer) return "a cloud write without the finalizer";
    if (halted) return "a cloud write while halted";
    if (!valid || (account.team !== TEAM && identity.state !== "none"))
      return "a write without the right account";
    if (identity.state === "conflict") return "a cloud write in an identity conflict";
    if (seen.attempt && identity.state !== "ours") return "a cloud write beside an unresolved attempt";
  }
  if (step.do === "create" && (identity.state !== "none" || seen.attempt))
    return "a create where something is or may be owned";
  if (deleting && ["create", "update", "start", "stop", "addFinalizer"].includes(step.do))
    return "work on what is being deleted";
  const state = seen.sighting.state === "present" ? seen.sighting.machine.state : undefined;
  if (step.do === "start" && state !== "off") return `a start of what is ${state}`;
  if (step.do === "stop" && (state === "off" || state === undefined)) return `a stop of what is ${state}`;
  if (step.do === "start" && seen.spec.powerState !== "Running") return "a start against the wish";
  if (step.do === "stop" && seen.spec.powerState !== "Stopped") return "a stop against the wish";
  if (step.do === "delete" && (!deleting || identity.state !== "ours" || seen.deletionPolicy !== "Delete"))
    return "a delete nobody asked for";
  if (step.do === "release") {
    const gone = seen.sighting.state === "absent" && seen.sighting.certain && valid && account.team === TEAM;
    const owns = identity.state === "ours" || (seen.attempt && identity.state !== "conflict");
    const orphan = identity.state === "ours" && seen.deletionPolicy === "Orphan";
    if (!deleting) return "a living object let go";
    if (owns && !orphan && !(identity.state === "ours" && gone))
      return "the finalizer taken off before absence is sure";
  }
  if (step.do === "take" && identity.state === "ours") return "a second machine taken";
  return undefined;
}

describe("decide", () => {
  it("never writes where it must not, in any combination of what can be known", () => {
    let views = 0;
    const wrongs = new Set<string>();
    for (const seen of everyView()) {
      views++;
      const { step } = decide(seen);
      const problem = wrong(seen, step);
      if (problem) wrongs.add(`${problem}: ${step.do}`);
    }
    expect([...wrongs]).toEqual([]);
    expect(views).toBeGreaterThan(5_000_000);
  }, 120_000);

  it("comes to rest from every start, where the user wants it or with a reason", () => {
    const restless = new Set<string>();
    let starts = 0;
    for (const start of startsOfLife()) {
      starts++;
      const end = play(start);
      if (end) restless.add(end);
    }
    expect([...restless].slice(0, 10)).toEqual([]);
    expect(starts).toBeGreaterThan(10_000);
  }, 120_000);
});

/** A well-behaved cloud and object store around `decide`: what each step would lead to. */
interface Model {
  spec: PowerState;
  deleting: boolean;
  finalizer: boolean;
  identity: Identity;
  resolution: Resolution | undefined;
  state: string | undefined;
  autoShutdown: boolean;
  event: EventFact;
  memory: MachineMemory;
  now: number;
  creates: number;
}

function* startsOfLife(): Generator<Model> {
  for (const operation of operations())
    for (const event of operation ? facts : [facts[0] as EventFact])
      for (const state of [...STATES.slice(0, 8), undefined])
        for (const spec of ["Running", "Stopped"] as const)
          for (const deleting of [false, true])
            for (const autoShutdown of [false, true])
              for (const identity of identities.slice(0, 3))
                for (const resolution of identity.state === "none" ? resolutions : [undefined])
                  yield {
                    spec,
                    deleting,
                    finalizer: true,
                    identity,
                    resolution,
                    state: identity.state === "none" && resolution?.state !== "found" ? undefined : state,
                    autoShutdown,
                    event,
                    memory: operation ? { operation } : {},
                    now: NOW,
                    creates: 0,
                  };
}

function viewOf(model: Model): MachineView {
  const base = view({});
  return {
    ...base,
    spec: { ...base.spec, powerState: model.spec },
    deleting: model.deleting,
    finalizer: model.finalizer,
    identity: model.identity,
    ...(model.resolution && { attempt, resolution: model.resolution }),
    sighting:
      model.state === undefined
        ? { state: "absent", certain: true }
        : { state: "present", machine: machine(model.state, model.autoShutdown) },
    event: model.event,
    memory: model.memory,
    now: model.now,
  };
}

const NEXT: Record<string, string> = {
  starting: "serviceready",
  serviceready: "ready",
  restarting: "starting",
  provisioning: "starting",
  stopping: "off",
  upgrading: "off",
};
const SETTLED = new Set(["Done", "Terminal", "Released", "Halted"]);

/** Undefined when it came to rest as it should. */
function play(model: Model): string | undefined {
  const from = `${model.memory.operation?.intent}/${model.event.state}/${model.state}/${model.spec}/${model.deleting}/${model.identity.state}/${model.resolution?.state}`;
  const trace: string[] = [];
  for (let passes = 0; passes < 200; passes++) {
    const { step, memory } = decide(viewOf(model));
    const outcome = step.do === "rest" ? step.outcome : undefined;
    trace.push(outcome ? `${outcome.kind}` : step.do);
    if (model.creates > 1) return `${from}: created twice`;
    model.memory = memory;
    if (step.do === "release" || outcome?.kind === "Released") return undefined;
    if (outcome && SETTLED.has(outcome.kind) && !moving(model)) {
      if (outcome.kind === "Done" && !model.deleting) return undefined;
      if (outcome.kind === "Terminal" && legitimate(outcome.reason)) return undefined;
    }
    apply(model, step);
    model.now += outcome && "afterMs" in outcome ? Math.max(outcome.afterMs, 1_000) : 5_000;
    if (outcome?.kind === "Terminal") model.now += outcome.recheckMs;
    advance(model);
  }
  return `${from}: no rest: ${trace.slice(-8).join(" ")}`;
}

function legitimate(reason: string): boolean {
  return ["ExternallyDeleted", "CreateAmbiguous"].includes(reason);
}

function moving({ state, event, memory }: Model): boolean {
  return (
    (state !== undefined && state in NEXT) || (memory.operation !== undefined && event.state === "pending")
  );
}

function apply(model: Model, step: Step): void {
  const begin = (intent: string, target?: PowerState) => {
    const operation = {
      intent,
      requestedAt: toTime(model.now),
      deadline: toTime(model.now + DEADLINE_MS),
      eventId: "e2",
      ...(target && { target }),
    };
    model.memory = { ...model.memory, operation };
    model.event = { state: "pending" };
  };
  switch (step.do) {
    case "create":
      model.creates++;
      model.state = "provisioning";
      model.identity = { state: "ours", record, restore: false };
      begin("Create", model.spec);
      return;
    case "start":
      model.state = "starting";
      begin("Start", "Running");
      return;
    case "stop":
      model.state = "stopping";
      begin("Stop", "Stopped");
      return;
    case "delete":
      model.state = "stopping";
      begin("Delete");
      return;
    case "take":
    case "restoreRecord":
      model.identity = { state: "ours", record, restore: false };
      model.resolution = undefined;
      return;
    case "closeAttempt":
      model.resolution = undefined;
      return;
    case "addFinalizer":
      model.finalizer = true;
      return;
  }
}

/** The cloud moves on: machines to the end of their transition, events to done, searches to their result. */
function advance(model: Model): void {
  const { operation } = model.memory;
  if (model.state !== undefined) model.state = NEXT[model.state] ?? model.state;
  if (model.event.state === "pending") model.event = { state: "done" };
  if (operation?.intent === "Delete" && model.event.state === "done") model.state = undefined;
  if (model.resolution?.state === "open") model.resolution = { state: "surelyNone" };
}
