/**
 * For tests only: objects of both kinds as the operator writes them, made by its own status code from every combination
 * of outcomes of a pass. What a tool should report for each is not decided here; only what the case is.
 */

import { deploymentStatus } from "../../src/kinds/deployment/status.ts";
import { type DeploymentStatus, deploymentDefinition } from "../../src/kinds/deployment/types.ts";
import { REASON as MACHINE_REASON } from "../../src/kinds/machine/reasons.ts";
import { machineStatus } from "../../src/kinds/machine/status.ts";
import { type MachineStatus, machineDefinition } from "../../src/kinds/machine/types.ts";
import type { KubeObject } from "../../src/kube/objects.ts";
import type { KindDefinition } from "../../src/reconcile/managed.ts";
import type { ReportedOutcome } from "../../src/reconcile/outcome.ts";
import type { OwnershipFacts } from "../../src/reconcile/ownership.ts";
import { REASON } from "../../src/reconcile/reasons.ts";
import { situation as deploymentView } from "../decide/deployment/situations.ts";
import { RECORD, scene, TEAM, UID } from "../decide/machine/situations.ts";

/** The outcome of a pass of an object, deleting or not, halted or not, and its generation. */
interface Pass {
  outcome: ReportedOutcome;
  deleting: boolean;
  halted?: OwnershipFacts["halted"];
  generation: number;
}

/** What was the case. `reported` is the last outcome that was reported, whatever happened since. */
export interface Case {
  name: string;
  object: KubeObject;
  reported: ReportedOutcome | undefined;
  /** The last generation that the operator has observed; -1: none. */
  observed: number;
  deleting: boolean;
  halted: boolean;
}

const because = { reason: "Because", message: "why it is so" };
const OUTCOMES: readonly ReportedOutcome[] = [
  { kind: "Done", ...because },
  { kind: "Done", ...because, ready: false },
  { kind: "Done", ...because, reason: MACHINE_REASON.ScheduledOff },
  { kind: "RequeueAfter", ...because, afterMs: 1 },
  { kind: "Retry", ...because },
  { kind: "Terminal", ...because, recheckMs: 1 },
  { kind: "Halted", reason: REASON.Paused, message: "paused", recheckMs: 1 },
];
const HALTS = [
  undefined,
  { reason: REASON.Paused, message: "paused by annotation" },
  { reason: REASON.DryRun, message: "dry run" },
] as const;

type Status = MachineStatus | DeploymentStatus;
/** What was observed of the resource in the cloud, by which a kind's own conditions differ. */
type CloudState = "nothing" | "present" | "unknown" | "gone" | "another's";

const CLOUD_STATES: readonly CloudState[] = ["nothing", "present", "unknown", "gone", "another's"];

interface Writer {
  definition: KindDefinition;
  write(pass: Pass, cloud: CloudState, before: Status | undefined): Status;
}

function common({ deleting, halted }: Pass, cloud: CloudState) {
  const identity =
    cloud === "nothing"
      ? ({ state: "none" } as const)
      : cloud === "another's"
        ? ({ state: "conflict", message: "a copy" } as const)
        : ({ state: "ours", record: RECORD, restore: false } as const);
  const record = identity.state === "ours" ? { record: RECORD } : {};
  const sighting =
    cloud === "gone"
      ? { sighting: { state: "absent", certain: true } as const }
      : cloud === "present"
        ? {}
        : { sighting: { state: "unknown" } as const };
  return { facts: { deleting, ...(halted && { halted }), identity, ...sighting }, record };
}

const metadataOf = (generation: number) => ({ name: "box", namespace: "default", uid: UID, generation });

const machines: Writer = {
  definition: machineDefinition,
  write(pass, cloud, before) {
    const { facts, record } = common(pass, cloud);
    const observation = { ...scene().observation, ...facts } as Parameters<typeof machineStatus>[0];
    const status = before as MachineStatus | undefined;
    const object = {
      metadata: metadataOf(pass.generation),
      spec: observation.spec,
      ...(status && { status }),
    };
    const context = { key: "default/box", object, account: { team: TEAM }, ...record };
    return machineStatus(observation, {}, pass.outcome, context);
  },
};

const deployments: Writer = {
  definition: deploymentDefinition,
  write(pass, cloud, before) {
    const { facts, record } = common(pass, cloud);
    const observation = deploymentView(facts as Parameters<typeof deploymentView>[0]);
    const status = before as DeploymentStatus | undefined;
    const object = {
      metadata: metadataOf(pass.generation),
      spec: observation.spec,
      ...(status && { status }),
    };
    const context = { key: "default/box", object, account: { team: TEAM }, ...record };
    return deploymentStatus(observation, observation.memory, pass.outcome, context);
  },
};

/** The status that the API server gives an object that was never observed. */
const UNSEEN = { observedGeneration: -1 } as Status;

/** Two passes, one after the other, and a change of the spec behind each or not. */
export function* everyCase(): Generator<Case> {
  for (const writer of [machines, deployments])
    for (const cloud of CLOUD_STATES)
      for (const first of [undefined, ...OUTCOMES])
        for (const outcome of OUTCOMES)
          for (const halted of HALTS)
            for (const deleting of [false, true])
              for (const editedBefore of [false, true])
                for (const editedSince of [false, true]) {
                  // Only a pass that is halted ends so; the first one was not.
                  if ((outcome.kind === "Halted" && !halted) || first?.kind === "Halted") continue;
                  // What may belong to another object is stalled before the halt is checked (reconcile/ownership.ts).
                  if (cloud === "another's" && outcome.kind !== "Terminal") continue;
                  const what = { writer, cloud, first, outcome, halted, deleting };
                  yield caseOf(what, editedBefore, editedSince);
                }
  for (const { definition } of [machines, deployments])
    for (const deleting of [false, true]) yield unseen(definition, deleting);
}

interface What {
  writer: Writer;
  cloud: CloudState;
  first: ReportedOutcome | undefined;
  outcome: ReportedOutcome;
  halted: OwnershipFacts["halted"];
  deleting: boolean;
}

function caseOf(what: What, editedBefore: boolean, editedSince: boolean): Case {
  const { writer, cloud, first, outcome, halted, deleting } = what;
  const generation = editedBefore ? 2 : 1;
  const past: Pass = { outcome: first ?? outcome, deleting: false, generation: 1 };
  const before = first ? writer.write(past, cloud, UNSEEN) : UNSEEN;
  const pass: Pass = { outcome, deleting, generation, ...(halted && { halted }) };
  const status = writer.write(pass, cloud, before);
  const isHalted = outcome.kind === "Halted";
  return {
    name: JSON.stringify({ ...what, writer: writer.definition.kind, editedBefore, editedSince }),
    object: objectOf(writer.definition, status, generation + (editedSince ? 1 : 0), deleting),
    reported: isHalted ? first : outcome,
    observed: !isHalted ? generation : first ? 1 : -1,
    deleting,
    halted: halted !== undefined,
  };
}

function unseen(definition: KindDefinition, deleting: boolean): Case {
  const object = objectOf(definition, UNSEEN, 1, deleting);
  const name = `${definition.kind} that was never observed`;
  return { name, object, reported: undefined, observed: -1, deleting, halted: false };
}

function objectOf(
  definition: KindDefinition,
  status: Status,
  generation: number,
  deleting: boolean,
): KubeObject {
  const { group, version, kind } = definition;
  const gone = deleting ? { deletionTimestamp: "2026-06-01T00:00:00Z" } : {};
  const object = {
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { ...metadataOf(generation), ...gone },
    status,
  };
  // As it comes over the wire.
  return JSON.parse(JSON.stringify(object)) as KubeObject;
}
