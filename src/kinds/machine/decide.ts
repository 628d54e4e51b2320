/**
 * What to do about one machine: a pure function of what is wished, what is known and what is under way. It returns one
 * step; all behaviour of the kind is here or in the ownership rules it begins with.
 */
import { toTime } from "../../kube/objects.ts";
import { millis } from "../../reconcile/conditions.ts";
import type { Decision, Operation } from "../../reconcile/kind.ts";
import type { Outcome } from "../../reconcile/outcome.ts";
import { decideOwnership, type OwnershipFacts, type OwnershipStep } from "../../reconcile/ownership.ts";
import type { Machine, MachineSettings } from "./api.ts";
import { type Change, describe, immutableDrift, settingsDrift } from "./diff.ts";
import { type EventFact, judge, powerOf, underWay } from "./operation.ts";
import { REASON } from "./reasons.ts";
import type { MachineSpec, PowerState } from "./types.ts";

export type Sighting =
  | { state: "unknown" }
  | { state: "present"; machine: Machine }
  /** `certain`: gone for good; else the API may only not show it yet. */
  | { state: "absent"; certain: boolean };

/** What must be remembered across passes; kept in status. */
export interface MachineMemory {
  operation?: Operation;
  /** Power state last reached as asked: tells a machine that shut itself down from one that was never started. */
  power?: PowerState;
}

/** All in milliseconds. */
export interface MachineLimits {
  /** How soon a power change is sent again that seems never to have arrived, or whose event failed. */
  resendMs: number;
  /** How often what is past its deadline is tried again. */
  slowMs: number;
  /** How often to look while waiting without an event to wait for, at least. */
  lookMs: number;
  absenceGraceMs: number;
  /** How long a change that we did not ask for may take until it counts as late. */
  observeMs: number;
}

export interface MachineView extends OwnershipFacts {
  spec: MachineSpec;
  sighting: Sighting;
  /** Of the operation in flight. */
  event: EventFact;
  /** The last look at the machine failed: what to say instead of deciding on old knowledge. */
  trouble?: Extract<Outcome, { kind: "Retry" }>;
  memory: MachineMemory;
  /** Wall clock. */
  now: number;
  limits: MachineLimits;
}

export type MachineStep =
  | { do: "update"; settings: MachineSettings; changes: Change[] }
  /** `deadline` is kept where the step repeats one that is late. */
  | { do: "start" | "stop"; deadline?: string }
  | { do: "delete"; deadline?: string };

/** Intent of the operation that stands for a change begun elsewhere; nothing is sent for it. */
const OBSERVE = "Observe";

type Choice = Decision<MachineStep, MachineMemory>;

export function decide(view: MachineView): Choice {
  const { memory, sighting } = view;
  const owned = decideOwnership(view);
  if (owned?.do === "adopt") return { step: adoption(view, owned.id), memory };
  if (owned) return { step: owned, memory };
  if (view.trouble) return { step: { do: "rest", outcome: view.trouble }, memory };
  switch (sighting.state) {
    case "unknown":
      return { step: { do: "rest", outcome: { kind: "Unknown" } }, memory };
    case "absent":
      return absence(view, sighting.certain);
    case "present":
      return view.deleting ? deletion(view, sighting.machine) : life(view, sighting.machine);
  }
}

/** Adopting changes nothing in the cloud: it is seen, compared and recorded. */
function adoption({ sighting, spec, recheckMs, trouble }: MachineView, id: string): OwnershipStep {
  if (trouble) return { do: "rest", outcome: trouble };
  if (sighting.state === "unknown") return { do: "rest", outcome: { kind: "Unknown" } };
  if (sighting.state === "absent") {
    const message = `there is no machine ${id} in this team: correct the id, or the credentials`;
    return { do: "rest", outcome: { kind: "Terminal", reason: REASON.AdoptNotFound, message, recheckMs } };
  }
  const changes = immutableDrift(spec, sighting.machine);
  if (changes.length === 0) return { do: "take", id };
  const message = `machine ${id} differs in what cannot be changed (${describe(changes)}): correct the spec`;
  return { do: "rest", outcome: { kind: "Terminal", reason: REASON.AdoptMismatch, message, recheckMs } };
}

function absence(view: MachineView, certain: boolean): Choice {
  const { memory, limits, recheckMs } = view;
  if (!certain)
    return wait(
      memory,
      REASON.AbsenceUnconfirmed,
      "the API does not show the machine just now",
      limits.lookMs,
    );
  if (view.deleting) return { step: { do: "release", reason: REASON.Deleted }, memory };
  const message =
    "the machine was deleted outside Kubernetes. Delete this object too, or delete and apply it again to get a new machine";
  const outcome: Outcome = { kind: "Terminal", reason: REASON.ExternallyDeleted, message, recheckMs };
  return { step: { do: "rest", outcome }, memory: without(memory) };
}

function deletion(view: MachineView, machine: Machine): Choice {
  const { memory, event, now, limits } = view;
  const { operation } = memory;
  if (operation?.intent !== "Delete") return { step: { do: "delete" }, memory };
  const age = now - (millis(operation.requestedAt) ?? 0);
  const late = now >= (millis(operation.deadline) ?? 0);
  if (event.state === "failed" && !late) {
    const failed = { failedAt: toTime(now), ...operation };
    const since = now - (millis(failed.failedAt) ?? 0);
    if (since >= limits.resendMs) return { step: { do: "delete" }, memory };
    const outcome: Outcome = {
      kind: "Retry",
      reason: REASON.DeleteFailed,
      message: event.message,
      atLeastMs: limits.resendMs - since,
    };
    return { step: { do: "rest", outcome }, memory: { ...memory, operation: failed } };
  }
  if (!late)
    return wait(memory, REASON.Deleting, underWay(operation, machine.state), untilLook(view, operation));
  if (age >= limits.slowMs) return { step: { do: "delete", deadline: operation.deadline }, memory };
  return stalled(
    memory,
    REASON.TransitionTimedOut,
    `the machine is still there after ${operation.deadline}; deleting it is tried again`,
    limits.slowMs - age,
  );
}

function life(view: MachineView, machine: Machine): Choice {
  const { memory, halted, recheckMs } = view;
  if (halted) return { step: { do: "rest", outcome: { kind: "Halted", ...halted, recheckMs } }, memory };
  const { operation } = memory;
  if (!operation || operation.intent === "Delete") return steady(view, machine, without(memory));
  if (operation.intent === OBSERVE) return steady(view, machine, memory);
  // Where it rests as the spec wants it now, whatever was under way does not matter any more.
  const wanted = view.spec.powerState === "Stopped" ? "off" : "ready";
  if (view.event.state !== "pending" && powerOf(machine.state) === wanted)
    return steady(view, machine, { power: view.spec.powerState });
  switch (judge(operation, machine.state, view.event, view.now, view.limits.resendMs)) {
    case "overtaken":
      return steady(view, machine, without(memory));
    case "reached":
      return steady(view, machine, { power: operation.target === "Stopped" ? "Stopped" : "Running" });
    case "running":
      return wait(
        memory,
        reasonOf(operation),
        underWay(operation, machine.state),
        untilLook(view, operation),
      );
    case "unsent":
      return { step: { do: operation.intent === "Stop" ? "stop" : "start" }, memory };
    case "failed":
      return failed(view, machine, operation);
    case "late":
      return overdue(view, machine, operation);
  }
}

/** Nothing of ours is under way: put right what differs, settings first, since they may decide about power. */
function steady(view: MachineView, machine: Machine, memory: MachineMemory): Choice {
  const { spec } = view;
  const power = powerOf(machine.state);
  if (power === "changing")
    return observe(
      view,
      memory,
      REASON.ChangingElsewhere,
      `the machine is ${machine.state}, which this object did not ask for`,
    );
  const rested = without(memory);
  const { changes, settings } = settingsDrift(spec, machine);
  if (changes.length > 0) return { step: { do: "update", settings, changes }, memory: rested };
  if (spec.powerState === "Stopped") {
    if (power !== "off") return { step: { do: "stop" }, memory: rested };
    return done({ power: "Stopped" }, REASON.Stopped, "the machine is off, as asked");
  }
  if (power === "ready") return done({ power: "Running" }, REASON.Available, "the machine is on and ready");
  if (power === "serviceready")
    return observe(
      view,
      memory,
      REASON.WaitingForAgent,
      "its services run, the Paperspace agent does not answer yet",
    );
  if (memory.power === "Running" && machine.autoShutdownEnabled)
    return done(
      memory,
      REASON.AutoShutdown,
      "the machine shut itself down, as autoShutdown allows. To start it again set powerState to Stopped, then to Running",
    );
  return { step: { do: "start" }, memory: rested };
}

/** Waits for what we did not begin, and has it written down since when, so that it can be called late. */
function observe(view: MachineView, memory: MachineMemory, reason: string, message: string): Choice {
  const { limits, now } = view;
  const begun = { intent: OBSERVE, requestedAt: toTime(now), deadline: toTime(now + limits.observeMs) };
  const operation = memory.operation?.intent === OBSERVE ? memory.operation : begun;
  const seen = { ...memory, operation };
  if (now < (millis(operation.deadline) ?? 0)) return wait(seen, reason, message, untilLook(view, operation));
  const late = `${message}, since ${operation.requestedAt}: longer than it should. It goes on by itself once the machine does; otherwise look at it in the Paperspace console`;
  return stalled(seen, REASON.TransitionTimedOut, late, 10 * limits.lookMs);
}

/** The event of the write says that it failed: again after a while, unless the machine is still on its way. */
function failed(view: MachineView, machine: Machine, operation: Operation): Choice {
  const { event, limits, now } = view;
  const memory = { ...view.memory, operation: { failedAt: toTime(now), ...operation } };
  const age = now - (millis(memory.operation.failedAt) ?? 0);
  if (age >= limits.resendMs && powerOf(machine.state) !== "changing")
    return steady(view, machine, without(memory));
  const outcome: Outcome = {
    kind: "Retry",
    reason: FAILED[operation.intent] ?? REASON.StartFailed,
    message: event.state === "failed" ? event.message : "the event of the change failed",
    atLeastMs: Math.max(limits.lookMs, limits.resendMs - age),
  };
  return { step: { do: "rest", outcome }, memory };
}

/** Past the deadline. It may still come about, and then everything mends itself. */
function overdue(view: MachineView, machine: Machine, operation: Operation): Choice {
  const { limits, memory, now } = view;
  const age = now - (millis(operation.requestedAt) ?? 0);
  const power = powerOf(machine.state);
  const target = operation.target === "Stopped" ? "off" : "ready";
  const resting = power === "off" || power === "ready";
  // After so long the state alone counts, whatever its event says; and what is not wished any more is not repeated.
  if (resting && (power === target || operation.target !== view.spec.powerState))
    return steady(view, machine, without(memory));
  const again = operation.target === "Stopped" ? "stop" : "start";
  if (resting && age >= limits.slowMs) return { step: { do: again, deadline: operation.deadline }, memory };
  if (power === "off" && operation.target !== "Stopped")
    return stalled(
      memory,
      REASON.CapacityUnavailable,
      `the machine is still off after ${operation.deadline}, without an error: most likely no ${machine.machineType ?? "hardware of this type"} is free in ${machine.region ?? "the region"}. Starting it is tried again; or delete this object and ask for another type or region`,
      Math.max(limits.lookMs, limits.slowMs - age),
    );
  return stalled(
    memory,
    REASON.TransitionTimedOut,
    `${underWay(operation, machine.state)}, and its deadline ${operation.deadline} has passed. It goes on by itself once the machine does; otherwise look at it in the Paperspace console`,
    10 * limits.lookMs,
  );
}

const FAILED: Record<string, string> = {
  Create: REASON.CreateFailed,
  Start: REASON.StartFailed,
  Stop: REASON.StopFailed,
};

function reasonOf(operation: Operation): string {
  if (operation.intent === "Create") return REASON.Creating;
  return operation.intent === "Stop" ? REASON.Stopping : REASON.Starting;
}

/** Waiting for an event costs shared pages; without one the machine itself is looked at, ever more rarely. */
export function untilLook({ now, limits }: MachineView, operation: Operation): number {
  const age = now - (millis(operation.requestedAt) ?? 0);
  const look = Math.min(Math.max(limits.lookMs, age / 10), 10 * limits.lookMs);
  const deadline = (millis(operation.deadline) ?? 0) - now;
  return deadline > 0 ? Math.min(look, deadline) : look;
}

function without({ power }: MachineMemory): MachineMemory {
  return power === undefined ? {} : { power };
}

function done(memory: MachineMemory, reason: string, message: string): Choice {
  return { step: { do: "rest", outcome: { kind: "Done", reason, message } }, memory: without(memory) };
}

function wait(memory: MachineMemory, reason: string, message: string, afterMs: number): Choice {
  return { step: { do: "rest", outcome: { kind: "Wait", reason, message, afterMs } }, memory };
}

function stalled(memory: MachineMemory, reason: string, message: string, recheckMs: number): Choice {
  return { step: { do: "rest", outcome: { kind: "Terminal", reason, message, recheckMs } }, memory };
}
