/**
 * What would be done if the object were not under dry-run, all of it at once, for people to read. Pure; the order in
 * which it would be done is the decision's business.
 */
import type { Change } from "../../reconcile/change.ts";
import { planned } from "../../reconcile/plan.ts";
import type { Machine } from "./api.ts";
import { accessorDrift, scriptDrift, surelyExtra } from "./belongings.ts";
import { shutItselfDown } from "./converge.ts";
import { hardwareDrift, settingsDrift } from "./diff.ts";
import { FACT, type MachineObservation } from "./observation.ts";
import { powerOf } from "./operation.ts";
import type { MachineSpec, MachineStatus } from "./types.ts";

export type Plan = NonNullable<MachineStatus["plan"]>;
type Entry = Plan[number];

/** Facts that a complete plan lacks. */
export function unknownOf({ spec, related }: MachineObservation): string[] {
  const needs: string[] = [];
  if (spec.startupScriptId !== undefined && !related.scripts) needs.push(FACT.scripts);
  if (spec.accessors && !related.accessors) needs.push(FACT.accessors);
  const drift = accessorDrift(spec, related);
  if (drift && drift.unknown.length > 0 && !drift.sure) needs.push(FACT.users);
  return needs;
}

/** Empty: nothing would be done. */
export function planOf(observation: MachineObservation): Plan {
  const { resource, spec } = observation;
  const toChange = () => (resource.state === "present" ? changes(observation, resource.machine) : []);
  return planned(observation, step("Delete", true), () => creation(spec), toChange);
}

function creation(spec: MachineSpec): Plan {
  const fields = Object.entries(spec).filter(([field]) => CREATED_WITH.has(field));
  return [
    step("Create", false),
    ...fields.map(([field, to]) => change("Create", { field, from: undefined, to })),
  ];
}

/** The policies and references of the spec are not the machine's. */
const CREATED_WITH: ReadonlySet<string> = new Set([
  "name",
  "machineType",
  "region",
  "templateId",
  "diskSize",
  "powerState",
  "networkId",
  "publicIpType",
  "startupScriptId",
  "autoShutdown",
  "autoSnapshot",
  "restorePoint",
  "accessors",
  "enableNvlink",
  "takeInitialSnapshot",
  "emailPassword",
]);

function changes(observation: MachineObservation, machine: Machine): Plan {
  const { spec, related } = observation;
  const power = powerOf(machine.state);
  const plan = settingsDrift(spec, machine).changes.map((one) => change("Update", one));
  const scripts = scriptDrift(spec, related);
  for (const id of scripts?.extra ?? [])
    plan.push(change("Unassign", { field: "startupScriptId", from: id, to: undefined }));
  if (scripts?.missing)
    plan.push(change("Assign", { field: "startupScriptId", from: undefined, to: scripts.missing }));
  const people = accessorDrift(spec, related);
  for (const { id } of people?.missing ?? [])
    plan.push(change("Grant", { field: "accessors", from: undefined, to: id }));
  for (const { id } of people ? surelyExtra(people) : [])
    plan.push(change("Revoke", { field: "accessors", from: id, to: undefined }));
  for (const one of hardwareDrift(spec, machine).changes)
    plan.push({ ...change("Resize", one), needsStop: power !== "off" });
  const action = powerAction(observation, machine);
  if (action) plan.push(change(action, { field: "powerState", from: machine.state, to: spec.powerState }));
  return plan;
}

/** Of a machine on its way nobody knows where it ends, and one that shut itself down is left alone. */
function powerAction(observation: MachineObservation, machine: Machine): "Start" | "Stop" | undefined {
  const power = powerOf(machine.state);
  if (power === "changing") return undefined;
  if (observation.spec.powerState === "Stopped") return power === "off" ? undefined : "Stop";
  const rests =
    shutItselfDown({ observation, machine, power, memory: observation.memory }) && !isAsked(observation);
  return power === "off" && !rests ? "Start" : undefined;
}

function isAsked({ requests }: MachineObservation): boolean {
  return requests.start !== undefined || requests.restart !== undefined;
}

function step(action: string, losesData: boolean): Entry {
  return { action, needsStop: false, losesData };
}

function change(action: string, { field, from, to }: Change): Entry {
  return {
    ...step(action, losesData(field, to)),
    field,
    ...(from !== undefined && { from: JSON.stringify(from) }),
    ...(to !== undefined && { to: JSON.stringify(to) }),
  };
}

/** A restore point puts the disk back at every shutdown: what was written since then is gone. */
function losesData(field: string, to: unknown): boolean {
  return field.startsWith("restorePoint.") && to !== false;
}
