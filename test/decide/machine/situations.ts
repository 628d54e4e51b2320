/**
 * A machine with which nothing is to be done, for the tests of `decide`, and what may be in flight of it. What else may
 * be observed of a machine are the axes of axes.ts.
 */

import type { Machine } from "../../../src/kinds/machine/api.ts";
import {
  AWAIT_CAPACITY,
  type EventFact,
  type MachineLimits,
  type MachineMemory,
  type MachineObservation,
  type Related,
  SNAPSHOT,
  TO_DELETE,
  TO_RESIZE,
} from "../../../src/kinds/machine/observation.ts";
import type { MachineSpec } from "../../../src/kinds/machine/types.ts";
import { toTime } from "../../../src/kube/objects.ts";
import { EXTERNAL_CHANGE } from "../../../src/reconcile/decision.ts";
import type { Operation } from "../../../src/reconcile/managed.ts";
import type { Requests } from "../../../src/reconcile/record.ts";
import { type Axis as ProductAxis, productsOf } from "../engine/product.ts";
import { SPEC } from "./spec.ts";

export const NOW = Date.UTC(2026, 5, 1);
export const MINUTE = 60_000;
export const LIMITS: MachineLimits = {
  resendMs: 30_000,
  slowMs: 10 * MINUTE,
  lookMs: 3_000,
  deleteMs: 30 * MINUTE,
  absenceGraceMs: 2 * MINUTE,
  observeMs: 15 * MINUTE,
  capacityMs: 30 * MINUTE,
  giveUpMs: 15 * MINUTE,
  maxAwakeMs: 24 * 60 * MINUTE,
  maxExtensionMs: 7 * 24 * 60 * MINUTE,
};
export const RECHECK_MS = 30_000;
export const DEADLINE_MS = 15 * MINUTE;
export const GIB = 1024 ** 3;

export const TEAM = "te1";
export const UID = "uid-1";
export const ID = "ps1";
export const RECORD = { id: ID, team: TEAM, name: "box-1", uid: UID };
export const ATTEMPT = { name: "box-1", team: TEAM, uid: UID, time: toTime(NOW - MINUTE) };

/** machines.md section 7, and one that is not known yet. */
export const STATES = [
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

export const IP = "203.0.113.7";
export const ADA = { id: "u1", email: "ada@example.org" };
export const BOB = { id: "u2", email: "bob@example.org" };
export const EVE = { id: "u3", email: "eve@example.org" };

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** `spec`, `machine`, `memory` and `related` are parts of the observation. */
export interface Situation {
  observation: MachineObservation;
  spec: MachineSpec;
  machine: Machine;
  memory: MachineMemory;
  related: Mutable<Related>;
}

/** A machine that is on and as declared: nothing speaks against anything, and nothing is to be done. */
export function scene(): Situation {
  const spec: MachineSpec = { ...SPEC };
  const machine: Machine = {
    id: ID,
    name: "box-1",
    state: "ready",
    machineType: "A4000",
    region: "ny2",
    ram: 45 * GIB,
    storageTotal: 50 * GIB,
    autoShutdownEnabled: false,
    publicIp: null,
    publicIpType: "none",
  };
  const memory: MachineMemory = {};
  const related: Mutable<Related> = {
    standing: { good: true, messages: [] },
    machines: { count: 1, most: 10 },
    capacity: { A4000: { hint: "free" }, H100: { hint: "free" } },
    readErrors: {},
  };
  const observation: MachineObservation = {
    noun: "machine",
    deleting: false,
    finalizer: true,
    deletionPolicy: "Delete",
    identity: { state: "ours", record: RECORD, restore: false },
    account: { state: "valid", team: TEAM },
    requests: {},
    backingOff: {},
    recheckMs: RECHECK_MS,
    spec,
    resource: { state: "present", machine },
    event: { state: "none" },
    history: [],
    memory,
    related,
    leaks: [],
    generation: 1,
    now: NOW,
    limits: LIMITS,
  };
  return { observation, spec, machine, memory, related };
}

export type Axis = ProductAxis<Situation>;
export const { axis, every } = productsOf(scene);

/** Fresh, past the time to send again, past the deadline, past the slow retry after that. */
export const AGES = [1_000, MINUTE, DEADLINE_MS + MINUTE, DEADLINE_MS + 20 * MINUTE] as const;

const INTENTS: readonly { intent: string; target?: string; answers?: true; silent?: true }[] = [
  { intent: "Create", target: "Running" },
  { intent: "Create", target: "Stopped" },
  { intent: "Start", target: "Running", answers: true },
  { intent: "Stop", target: "Stopped" },
  { intent: "Stop", target: TO_RESIZE },
  { intent: "Stop", target: TO_DELETE },
  { intent: "Delete", target: TO_DELETE },
  { intent: "Delete" },
  { intent: "Restart", target: "Running", answers: true },
  { intent: "Resize" },
  { intent: SNAPSHOT },
  { intent: "Update" },
  { intent: EXTERNAL_CHANGE, silent: true },
  { intent: AWAIT_CAPACITY, silent: true },
];

export interface InFlight {
  operation: Operation | undefined;
  event: EventFact;
}

const NO_EVENT: EventFact = { state: "none" };
const FAILED: EventFact = { state: "failed", message: "event e1 ended in error" };
/** What becomes of the event of a write; those of `failedAt` were seen to fail so many milliseconds ago. */
export const EVENTS: readonly { event: EventFact; failedAgo?: number }[] = [
  { event: { state: "pending" } },
  { event: { state: "done" } },
  { event: { state: "done", unseen: true } },
  { event: FAILED },
  { event: FAILED, failedAgo: 1_000 },
  { event: FAILED, failedAgo: MINUTE },
  { event: { state: "vanished" } },
  { event: { state: "unreadable", message: "403" } },
];

/** Requests that an operation answers, where it answers any. */
const ANSWERED: Requests = { restart: "r1", start: "s1" };

/** Nothing, and every operation as it may be found: at these ages, failed since long or not. */
export function inFlight(ages: readonly number[] = AGES, events = EVENTS): InFlight[] {
  const all: InFlight[] = [{ operation: undefined, event: NO_EVENT }];
  for (const { intent, target, answers, silent } of INTENTS)
    for (const age of ages)
      for (const requests of answers ? [undefined, ANSWERED] : [undefined]) {
        const operation: Operation = {
          intent,
          requestedAt: toTime(NOW - age),
          deadline: toTime(NOW - age + DEADLINE_MS),
          ...(target && { target }),
          ...(requests && { requests }),
        };
        all.push({ operation, event: NO_EVENT });
        for (const { event, failedAgo } of silent ? [] : events) {
          const failedAt = failedAgo === undefined ? {} : { failedAt: toTime(NOW - failedAgo) };
          all.push({ operation: { ...operation, eventId: "e1", ...failedAt }, event });
        }
      }
  return all;
}
