/** Plain questions to a view, in which the laws of `decide` are worded. They do not use the code that chooses. */

import type { Machine } from "../../../src/kinds/machine/api.ts";
import {
  FACT,
  type MachineDecision,
  type MachineObservation,
  SNAPSHOT,
} from "../../../src/kinds/machine/observation.ts";
import type { Address, User } from "../../../src/kinds/machine/related-api.ts";
import type { MachineSpec } from "../../../src/kinds/machine/types.ts";
import type { Operation } from "../../../src/reconcile/managed.ts";
import type { Requests } from "../../../src/reconcile/record.ts";
import { ID } from "./situations.ts";

export function machineOf({ resource }: MachineObservation): Machine | undefined {
  return resource.state === "present" ? resource.machine : undefined;
}

export function stateOf(observation: MachineObservation): string | undefined {
  return machineOf(observation)?.state;
}

export function isOff(observation: MachineObservation): boolean {
  return stateOf(observation) === "off";
}

export function isOn(observation: MachineObservation): boolean {
  return stateOf(observation) === "ready" || stateOf(observation) === "serviceready";
}

export function isReady(observation: MachineObservation): boolean {
  return stateOf(observation) === "ready";
}

/** Not on its way from one state to another. */
export function isSettled(observation: MachineObservation): boolean {
  return isOff(observation) || isOn(observation);
}

export function isGone({ resource }: MachineObservation): boolean {
  return resource.state === "absent" && resource.certain && !resource.isStale;
}

/** Off after it was on as desired, and allowed to do so. */
export function shutItselfDown(observation: MachineObservation): boolean {
  const allowed = machineOf(observation)?.autoShutdownEnabled === true;
  return (
    allowed &&
    isOff(observation) &&
    observation.spec.powerState === "Running" &&
    observation.memory.power === "Running"
  );
}

/** The hardware hint was read and is not short, and the account is in good standing. */
export function mayRunOn({ related }: MachineObservation, machineType: string): boolean {
  const capacity = related.capacity[machineType];
  return related.standing?.good === true && capacity !== undefined && capacity.hint !== "short";
}

/** This very change was refused, and the user has not requested another try since. */
export function isRefused({ memory, spec, asked }: MachineObservation): boolean {
  const { resizeRefusal } = memory;
  if (resizeRefusal?.snapshot && !spec.snapshotBeforeResize) return false;
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
export function hasShown(observation: MachineObservation, { intent, target }: Operation): boolean {
  if (intent === "Create") return isSettled(observation);
  return intent !== "Restart" && (target === "Running" ? isReady(observation) : isOff(observation));
}

export function isNamed({ accessors }: MachineSpec, { id, email }: User): boolean {
  const { userIds = [], emails = [] } = accessors ?? {};
  return userIds.includes(id) || emails.some((named) => named.toLowerCase() === email);
}

/** Addresses of no known user. */
export function unresolved({ spec, related }: MachineObservation): string[] {
  const known = [...(related.accessors ?? []), ...(related.users ?? [])];
  const emails = spec.accessors?.emails ?? [];
  return emails.filter((named) => !known.some(({ email }) => email === named.toLowerCase()));
}

/** The address that was claimed is still there, and no other machine's. */
export function isStillClaimed(addresses: readonly Address[] | undefined, ip: string | undefined): boolean {
  const address = addresses?.find((other) => other.ip === ip);
  return address !== undefined && (address.machineId === null || address.machineId === ID);
}

export function requestOf(requests: Requests | undefined, what: string): string | undefined {
  return requests?.[what as keyof Requests];
}

export function asksOf({ needs }: MachineDecision): readonly string[] {
  return needs ?? [];
}

/** Facts that this observation needs for what it manages, and that are missing; by the name of the need. */
export function missing({ spec, related, identity, memory }: MachineObservation): Set<string> {
  const all = new Set<string>();
  if (spec.startupScriptId !== undefined && !related.scripts) all.add(FACT.scripts);
  if (spec.accessors && !related.accessors) all.add(FACT.accessors);
  if (spec.accessors?.emails?.length && !related.users) all.add(FACT.users);
  if (spec.desktopSecretRef && !related.desktop) all.add(FACT.desktop);
  if (!related.addresses) all.add(FACT.addresses);
  if (!related.standing) all.add(FACT.standing);
  if (identity.state === "none" && !related.machines) all.add(FACT.machines);
  if (memory.operation?.intent === SNAPSHOT && !related.snapshot) all.add(FACT.snapshot);
  return all;
}

/** Whether this fact can be requested, and is of use. */
export function isOpen(observation: MachineObservation, fact: string): boolean {
  const types = [observation.spec.machineType, machineOf(observation)?.machineType];
  const capacity = types.some(
    (type) => type && fact === FACT.capacity(type) && !observation.related.capacity[type],
  );
  return capacity || missing(observation).has(fact);
}
