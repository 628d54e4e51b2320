/** Plain questions to a view, in which the laws of `decide` are worded. They do not use the code that chooses. */

import type { Machine } from "../../../src/kinds/machine/api.ts";
import { ASK, type Choice, type MachineView } from "../../../src/kinds/machine/observation.ts";
import type { Address, Person } from "../../../src/kinds/machine/related-api.ts";
import type { MachineSpec } from "../../../src/kinds/machine/types.ts";
import type { Operation } from "../../../src/reconcile/kind.ts";
import type { Requests } from "../../../src/reconcile/record.ts";
import { ID } from "./situations.ts";

export function machineOf({ sighting }: MachineView): Machine | undefined {
  return sighting.state === "present" ? sighting.machine : undefined;
}

export function stateOf(view: MachineView): string | undefined {
  return machineOf(view)?.state;
}

export function isOff(view: MachineView): boolean {
  return stateOf(view) === "off";
}

export function isOn(view: MachineView): boolean {
  return stateOf(view) === "ready" || stateOf(view) === "serviceready";
}

export function isReady(view: MachineView): boolean {
  return stateOf(view) === "ready";
}

/** Not on its way from one state to another. */
export function isSettled(view: MachineView): boolean {
  return isOff(view) || isOn(view);
}

export function isGone({ sighting }: MachineView): boolean {
  return sighting.state === "absent" && sighting.certain;
}

/** Off after it was on as asked, and allowed to do so. */
export function shutItselfDown(view: MachineView): boolean {
  const allowed = machineOf(view)?.autoShutdownEnabled === true;
  return allowed && isOff(view) && view.spec.powerState === "Running" && view.memory.power === "Running";
}

/** The hardware was asked for and is not short, and the account is in good standing. */
export function mayRunOn({ around }: MachineView, machineType: string): boolean {
  const capacity = around.capacity[machineType];
  return around.standing?.good === true && capacity !== undefined && capacity.hint !== "short";
}

/** This very change was refused, and the user has not asked for another try since. */
export function isRefused({ memory, spec, asked }: MachineView): boolean {
  const { resizeRefusal } = memory;
  return (
    resizeRefusal?.machineType === spec.machineType &&
    resizeRefusal.diskSize === spec.diskSize &&
    resizeRefusal.asked === asked
  );
}

/** Whether an operation of ours was about the machine's power. */
export function isPower(operation: Operation | undefined): boolean {
  return ["Create", "Start", "Stop", "Restart"].includes(operation?.intent ?? "");
}

/** Whether the state cannot be that of before the operation: a restart alone ends where it began. */
export function hasShown(view: MachineView, { intent, target }: Operation): boolean {
  if (intent === "Create") return isSettled(view);
  return intent !== "Restart" && (target === "Running" ? isReady(view) : isOff(view));
}

export function isNamed({ accessors }: MachineSpec, { id, email }: Person): boolean {
  const { userIds = [], emails = [] } = accessors ?? {};
  return userIds.includes(id) || emails.some((named) => named.toLowerCase() === email);
}

/** Addresses that nobody who is known has. */
export function unresolved({ spec, around }: MachineView): string[] {
  const known = [...(around.accessors ?? []), ...(around.users ?? [])];
  const emails = spec.accessors?.emails ?? [];
  return emails.filter((named) => !known.some(({ email }) => email === named.toLowerCase()));
}

/** The address that was claimed is still there, and nobody else's. */
export function isStillClaimed(addresses: readonly Address[] | undefined, ip: string | undefined): boolean {
  const address = addresses?.find((other) => other.ip === ip);
  return address !== undefined && (address.machineId === null || address.machineId === ID);
}

export function requestOf(requests: Requests | undefined, what: string): string | undefined {
  return what === "restart" ? requests?.restart : requests?.start;
}

export function asksOf({ asks }: Choice): readonly string[] {
  return asks ?? [];
}

/** Facts that are managed for this view, and not known yet; by what they are asked for. */
export function missing({ spec, around, identity }: MachineView): Set<string> {
  const all = new Set<string>();
  if (spec.startupScriptId !== undefined && !around.scripts) all.add(ASK.scripts);
  if (spec.accessors && !around.accessors) all.add(ASK.accessors);
  if (spec.accessors?.emails?.length && !around.users) all.add(ASK.users);
  if (spec.desktopSecretRef && !around.desktop) all.add(ASK.desktop);
  if (!around.addresses) all.add(ASK.addresses);
  if (!around.standing) all.add(ASK.standing);
  if (identity.state === "none" && !around.machines) all.add(ASK.machines);
  return all;
}

/** Whether this can be asked for, and is of use. */
export function isOpen(view: MachineView, ask: string): boolean {
  const types = [view.spec.machineType, machineOf(view)?.machineType];
  const capacity = types.some((type) => type && ask === ASK.capacity(type) && !view.around.capacity[type]);
  return capacity || missing(view).has(ask);
}
