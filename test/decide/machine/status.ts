/** A status as it would be written for a healthy machine, except for what a test sets. */

import type { Machine, MachineEvent } from "../../../src/kinds/machine/api.ts";
import type { MachineMemory, MachineObservation } from "../../../src/kinds/machine/observation.ts";
import { REASON } from "../../../src/kinds/machine/reasons.ts";
import { machineStatus } from "../../../src/kinds/machine/status.ts";
import type { MachineSpec, MachineStatus } from "../../../src/kinds/machine/types.ts";
import type { ReportedOutcome } from "../../../src/reconcile/outcome.ts";
import { RECORD, scene, TEAM, UID } from "./situations.ts";

export const DONE: ReportedOutcome = {
  kind: "Done",
  reason: "Available",
  message: "the machine is on and ready",
};
export const WAITS: ReportedOutcome = {
  kind: "RequeueAfter",
  reason: "Starting",
  message: "it is coming",
  afterMs: 1,
};
export const STALLED: ReportedOutcome = {
  kind: "Terminal",
  reason: "ResizeRefused",
  message: "no",
  recheckMs: 1,
};
export const HALT = { reason: REASON.DryRun, message: "dry run" };
export const HALTS: ReportedOutcome = { kind: "Halted", ...HALT, recheckMs: 1 };

interface Given {
  observation?: Partial<MachineObservation>;
  machine?: Partial<Machine>;
  spec?: Partial<MachineSpec>;
  memory?: MachineMemory;
  outcome?: ReportedOutcome;
  before?: MachineStatus | undefined;
  generation?: number;
  owns?: boolean;
}

export function viewOf({ observation, machine, spec }: Given): MachineObservation {
  const plain = scene();
  const seen = { ...plain.machine, ...machine };
  const declared = { ...plain.spec, ...spec };
  return {
    ...plain.observation,
    resource: { state: "present", machine: seen },
    spec: declared,
    ...observation,
  };
}

export function status(given: Given = {}): MachineStatus {
  const { memory = {}, outcome = DONE, before, generation = 3, owns = true } = given;
  const observation = viewOf(given);
  const metadata = { name: "box", namespace: "default", uid: UID, generation };
  const object = { metadata, spec: observation.spec, ...(before && { status: before }) };
  const record = owns ? { record: RECORD } : {};
  return machineStatus(observation, memory, outcome, {
    key: "default/box",
    object,
    account: { team: TEAM },
    ...record,
  });
}

export function condition({ conditions = [] }: MachineStatus, type: string) {
  return conditions.find((one) => one.type === type);
}

export const START = {
  intent: "Start",
  requestedAt: "2026-06-01T00:00:00Z",
  deadline: "2026-06-01T00:15:00Z",
};
export const event = (id: string, state: string, at = "10:00:00"): MachineEvent => ({
  id,
  name: "start",
  state,
  machineId: "ps1",
  error: state === "error" ? "no" : null,
  dtCreated: `2026-06-01T${at}Z`,
});
