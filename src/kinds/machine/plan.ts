/**
 * What would be done if the object were not under dry-run, all of it at once, for people to read. Pure; the order in
 * which it would be done is the decision's business.
 */
import type { Change } from "../../reconcile/change.ts";
import { planned } from "../../reconcile/plan.ts";
import type { Machine } from "./api.ts";
import { peopleDrift, scriptDrift, surelyExtra } from "./belongings.ts";
import { shutItselfDown } from "./converge.ts";
import { hardwareDrift, settingsDrift } from "./diff.ts";
import { ASK, type MachineView } from "./observation.ts";
import { powerOf } from "./operation.ts";
import type { MachineSpec, MachineStatus } from "./types.ts";

export type Plan = NonNullable<MachineStatus["plan"]>;
type Entry = Plan[number];

/** Facts that a complete plan lacks. */
export function unknownOf({ spec, around }: MachineView): string[] {
  const asks: string[] = [];
  if (spec.startupScriptId !== undefined && !around.scripts) asks.push(ASK.scripts);
  if (spec.accessors && !around.accessors) asks.push(ASK.accessors);
  const drift = peopleDrift(spec, around);
  if (drift && drift.unknown.length > 0 && !drift.sure) asks.push(ASK.users);
  return asks;
}

/** Empty: nothing would be done. */
export function planOf(view: MachineView): Plan {
  const { sighting, spec } = view;
  const toChange = () => (sighting.state === "present" ? changes(view, sighting.machine) : []);
  return planned(view, step("Delete", true), () => creation(spec), toChange);
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

function changes(view: MachineView, machine: Machine): Plan {
  const { spec, around } = view;
  const power = powerOf(machine.state);
  const plan = settingsDrift(spec, machine).changes.map((one) => change("Update", one));
  const scripts = scriptDrift(spec, around);
  for (const id of scripts?.extra ?? [])
    plan.push(change("Unassign", { field: "startupScriptId", from: id, to: undefined }));
  if (scripts?.missing)
    plan.push(change("Assign", { field: "startupScriptId", from: undefined, to: scripts.missing }));
  const people = peopleDrift(spec, around);
  for (const { id } of people?.missing ?? [])
    plan.push(change("Grant", { field: "accessors", from: undefined, to: id }));
  for (const { id } of people ? surelyExtra(people) : [])
    plan.push(change("Revoke", { field: "accessors", from: id, to: undefined }));
  for (const one of hardwareDrift(spec, machine).changes)
    plan.push({ ...change("Resize", one), needsStop: power !== "off" });
  const action = powerAction(view, machine);
  if (action) plan.push(change(action, { field: "powerState", from: machine.state, to: spec.powerState }));
  return plan;
}

/** Of a machine on its way nobody knows where it ends, and one that shut itself down is left alone. */
function powerAction(view: MachineView, machine: Machine): "Start" | "Stop" | undefined {
  const power = powerOf(machine.state);
  if (power === "changing") return undefined;
  if (view.spec.powerState === "Stopped") return power === "off" ? undefined : "Stop";
  const rests = shutItselfDown({ view, machine, power, memory: view.memory }) && !isAsked(view);
  return power === "off" && !rests ? "Start" : undefined;
}

function isAsked({ requests }: MachineView): boolean {
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
