/**
 * The settings that an update changes, whatever state the machine is in. Pure. Only what the API returns can be
 * compared; a field that the spec does not give is not managed, whatever its value.
 */
import { isReadable } from "../../../paperspace/answers.ts";
import { type Change, describe } from "../../../reconcile/change.ts";
import { ageOfTime } from "../../../reconcile/decision.ts";
import { stepName } from "../../../reconcile/managed.ts";
import type { Machine, MachineSettings } from "../api.ts";
import type { MachineDecision, MachineMemory, MachineStep } from "../observation.ts";
import { REASON } from "../reasons.ts";
import type { MachineSpec } from "../types.ts";
import { type Aspect, type Convergence, plannedChange, unlessBackingOff } from "./aspect.ts";
import { find, jsonOf, type SettingChange, type StoredAs } from "./stored-as.ts";

export const settings: Aspect = {
  anyPower: true,
  drift: ({ spec, memory }, machine) => settingsDrift(spec, machine, memory.storedAs).changes,
  unreadable: ({ spec }, machine) =>
    declaredSettings(spec).flatMap(({ path, key }) => (isReadable(machine, key) ? [] : [path])),
  remember: forgetDisproved,
  next: update,
  effect(step) {
    if (step.do !== "update") return undefined;
    const entries = step.changes.map((change) =>
      plannedChange("Update", change, { losesData: losesData(change) }),
    );
    return { entries, machine: step.settings };
  },
};

/**
 * One update for all that differs. Where the API refuses that, or one of its fields is contended, each field goes by
 * itself, so that only what is refused is held back.
 */
function update(convergence: Convergence): MachineDecision | undefined {
  const { observation, machine } = convergence;
  const { storedAs } = convergence.memory;
  const due = fieldDrifts(observation.spec, machine, storedAs).filter(
    (drift) => !isAwaited(drift, convergence) && unlessBackingOff(convergence, updateOf(drift)) !== undefined,
  );
  const [first, ...others] = due;
  if (!first) return undefined;
  const together: MachineStep = { do: "update", ...joined(due) };
  const backingOff = observation.backingOff[stepName(together)];
  const isRefused = backingOff?.reason === REASON.Refused || backingOff?.reason === REASON.Contended;
  return unlessBackingOff(convergence, others.length === 0 || isRefused ? updateOf(first) : together);
}

/** The answer to the last update still showed what was there before it: it is sent once more, not at once. */
function isAwaited({ changes }: FieldDrift, { observation, memory, retries }: Convergence): boolean {
  const { now, limits } = observation;
  const waits = changes.map((change) => find(memory.storedAs, change)?.since).flatMap((since) => since ?? []);
  const left = Math.max(0, ...waits.map((since) => limits.resendMs - ageOfTime(since, now)));
  if (left === 0) return false;
  const message = `sent, and Paperspace still shows the values of before: ${describe(changes)}`;
  retries.push({ kind: "Retry", reason: REASON.Updating, message, atLeastMs: left });
  return true;
}

/** Where the API shows a value as it was declared, it does not write it otherwise. */
function forgetDisproved({ storedAs, ...memory }: MachineMemory, machine: Machine): MachineMemory {
  const kept = storedAs?.filter(({ field, declared }) => {
    const key = SETTING.get(field);
    return key === undefined || jsonOf(machine[key]) !== declared;
  });
  return { ...memory, ...(kept && kept.length > 0 && { storedAs: kept }) };
}

function updateOf({ field, changes, settings }: FieldDrift): MachineStep {
  return { do: "update", of: field, changes, settings };
}

/** A restore point puts the disk back at every shutdown: what was written since then is gone. */
function losesData({ field, to }: Change): boolean {
  return field.startsWith("restorePoint.") && to !== false;
}

export interface SettingsDrift {
  changes: Change[];
  settings: MachineSettings;
}

/** What differs in one field of the spec. Its parts go together: a restore point without its snapshot is another one. */
export interface FieldDrift extends SettingsDrift {
  /** Name of the field, such as "restorePoint". */
  field: string;
}

export function settingsDrift(
  spec: MachineSpec,
  machine: Machine,
  storedAs?: readonly StoredAs[],
): SettingsDrift {
  return joined(fieldDrifts(spec, machine, storedAs));
}

function joined(drifts: readonly SettingsDrift[]): SettingsDrift {
  const settings: MachineSettings = Object.assign({}, ...drifts.map((drift) => drift.settings));
  return { changes: drifts.flatMap(({ changes }) => changes), settings };
}

/** Without what the API is known to write otherwise. */
export function fieldDrifts(
  spec: MachineSpec,
  machine: Machine,
  storedAs?: readonly StoredAs[],
): FieldDrift[] {
  const drifts = new Map<string, FieldDrift>();
  const fresh = !isDetailed(machine);
  for (const { path, key, desired } of declaredSettings(spec)) {
    const actual = machine[key] ?? undefined;
    if (isSameSetting(actual, desired) || !isReadable(machine, key)) continue;
    // Null, 0 and "" of a fresh machine are not values yet (machines.md section 7).
    if (fresh && (actual === undefined || actual === 0 || actual === "")) continue;
    const known = find(storedAs, { field: path, from: actual, to: desired });
    if (known && known.since === undefined) continue;
    const [field = path] = path.split(".");
    const drift = drifts.get(field) ?? { field, changes: [], settings: {} };
    drifts.set(field, drift);
    drift.changes.push({ field: path, from: actual, to: desired });
    Object.assign(drift.settings, { [key]: desired });
  }
  return [...drifts.values()];
}

interface DeclaredSetting {
  /** In the spec. */
  path: string;
  /** Of the API. */
  key: keyof MachineSettings;
  desired: MachineSettings[keyof MachineSettings];
}

/** machines.md section 4 lists what can be set. The details of what is switched off may read null, so they do not count. */
const DECLARABLE: readonly {
  path: string;
  key: keyof MachineSettings;
  of(spec: MachineSpec): MachineSettings[keyof MachineSettings] | undefined;
}[] = [
  { path: "name", key: "name", of: ({ name }) => name },
  { path: "publicIpType", key: "publicIpType", of: ({ publicIpType }) => publicIpType },
  { path: "networkId", key: "networkId", of: ({ networkId }) => networkId },
  {
    path: "autoShutdown.enabled",
    key: "autoShutdownEnabled",
    of: ({ autoShutdown }) => autoShutdown?.enabled,
  },
  {
    path: "autoShutdown.timeoutHours",
    key: "autoShutdownTimeout",
    of: ({ autoShutdown }) => switchedOn(autoShutdown)?.timeoutHours,
  },
  {
    path: "autoShutdown.force",
    key: "autoShutdownForce",
    of: ({ autoShutdown }) => switchedOn(autoShutdown)?.force,
  },
  {
    path: "autoSnapshot.enabled",
    key: "autoSnapshotEnabled",
    of: ({ autoSnapshot }) => autoSnapshot?.enabled,
  },
  {
    path: "autoSnapshot.frequency",
    key: "autoSnapshotFrequency",
    of: ({ autoSnapshot }) => switchedOn(autoSnapshot)?.frequency,
  },
  {
    path: "autoSnapshot.saveCount",
    key: "autoSnapshotSaveCount",
    of: ({ autoSnapshot }) => switchedOn(autoSnapshot)?.saveCount,
  },
  {
    path: "restorePoint.enabled",
    key: "restorePointEnabled",
    of: ({ restorePoint }) => restorePoint?.enabled,
  },
  {
    path: "restorePoint.frequency",
    key: "restorePointFrequency",
    of: ({ restorePoint }) => switchedOn(restorePoint)?.frequency,
  },
  {
    path: "restorePoint.snapshotId",
    key: "restorePointSnapshotId",
    of: ({ restorePoint }) => switchedOn(restorePoint)?.snapshotId,
  },
];

function switchedOn<T extends { enabled?: boolean }>(feature: T | undefined): T | undefined {
  return feature?.enabled ? feature : undefined;
}

function declaredSettings(spec: MachineSpec): DeclaredSetting[] {
  const declared: DeclaredSetting[] = [];
  for (const { path, key, of } of DECLARABLE) {
    const desired = of(spec);
    if (desired !== undefined) declared.push({ path, key, desired });
  }
  return declared;
}

/** By the path below spec. */
const SETTING: ReadonlyMap<string, keyof MachineSettings> = new Map(
  DECLARABLE.map(({ path, key }) => [path, key]),
);

/** Of changes of settings, with the setting that each is about. */
export function settingChanges(changes: readonly Change[]): SettingChange[] {
  return changes.flatMap((change) => {
    const key = SETTING.get(change.field);
    return key === undefined ? [] : [{ ...change, key }];
  });
}

/** Null is how the API says false where a switch was never set (machines.md section 5.1: autoShutdownForce). */
function isSameSetting(actual: unknown, desired: unknown): boolean {
  return typeof desired === "boolean" ? (actual ?? false) === desired : actual === desired;
}

/** Whether the machine shows its hardware: right after a create they are null, 0 or "" (machines.md section 7). */
function isDetailed(machine: Machine): boolean {
  const { ram, storageTotal } = machine;
  return Boolean(ram || storageTotal) || !isReadable(machine, "ram") || !isReadable(machine, "storageTotal");
}
