/**
 * The part of status that all kinds share: ownership, the observed generation, and the conditions around the kind's
 * own. Pure. Facts about the resource come from the kind.
 */
import { type ObjectMeta, toMicroTime, toTime } from "../kube/objects.ts";
import { type Change, describe } from "./change.ts";
import { type ConditionFacts, conditions, type DesiredCondition, progressConditions } from "./conditions.ts";
import type { CloudAccount, ManagedStatus } from "./managed.ts";
import type { ReportedOutcome } from "./outcome.ts";
import type { OwnershipFacts } from "./ownership.ts";
import { attemptOf, makingSince } from "./ownership-facts.ts";
import { isRequested, type OwnerRecord, requestsWhere } from "./record.ts";

/** What a kind contributes to its status; the shared part is added here. */
export interface StatusParts<T extends ManagedStatus> {
  /** The facts about the resource to show. */
  facts: Partial<T>;
  memory: Partial<T>;
  /**
   * The kind's own conditions. While the object is halted only those of the types in `refreshedWhilePaused` are
   * updated.
   */
  conditions: readonly DesiredCondition[];
  /** Types of conditions that can be evaluated without acting. One that is no longer desired is removed. */
  refreshedWhilePaused?: readonly string[];
}

/** The parts of a context that the status is derived from. */
export interface StatusSubject<T extends ManagedStatus> {
  object: { metadata: ObjectMeta; status?: T };
  record?: OwnerRecord;
  account?: Pick<CloudAccount, "team">;
}

type Observed<T> = T & { observedGeneration: number };

export function managedStatus<T extends ManagedStatus>(
  observation: OwnershipFacts & { now: number },
  outcome: ReportedOutcome,
  { object, record, account }: StatusSubject<T>,
  { facts, memory, conditions, refreshedWhilePaused = [] }: StatusParts<T>,
): Observed<T> {
  const { metadata, status: before } = object;
  const { generation = 0, uid } = metadata;
  const previous = before?.conditions ?? [];
  const updated = conditionsOf(observation, outcome, conditions, refreshedWhilePaused, {
    previous,
    generation,
    now: toTime(observation.now),
  });
  // The status of a conflict is kept: rewriting it would end the conflict, and a second resource would be created.
  if (observation.identity.state === "conflict" && before)
    return { ...before, observedGeneration: generation, conditions: updated };
  const teamId = record?.team ?? observation.attempt?.team ?? account?.team ?? before?.teamId;
  const status: ManagedStatus = {
    // While the object is halted a new spec is not acted on, so it must not count as observed.
    observedGeneration: outcome.kind === "Halted" ? (before?.observedGeneration ?? -1) : generation,
    ...(record && ownership(record.id, object, observation.now)),
    ...(teamId !== undefined && { teamId }),
    ...(uid !== undefined && { uid }),
    ...facts,
    ...memory,
    ...handledOf(record),
    ...(before?.abandoned && { abandoned: before.abandoned }),
    ...(before?.disowned && { disowned: before.disowned }),
    conditions: updated,
  };
  return status as Observed<T>;
}

/** Fields of an answer that do not have the documented type. */
export interface UnreadableFields {
  /** Of the spec: what is declared cannot be compared. */
  declared?: readonly string[];
  /** Of the resource: they are only missing in status. */
  all?: readonly string[] | undefined;
}

/** `inSyncMessage` is the message where nothing differs. */
export function syncedCondition(
  changes: readonly Change[],
  inSyncMessage: string,
  { declared = [], all = [] }: UnreadableFields = {},
): DesiredCondition {
  const left = all.length > 0 ? `. Not readable in the answer of the API: ${all.join(", ")}` : "";
  if (changes.length > 0)
    return { type: "Synced", status: "False", reason: "Drifted", message: `${describe(changes)}${left}` };
  if (declared.length > 0) {
    const message = `${declared.join(", ")} cannot be compared; all else is as declared${left}`;
    return { type: "Synced", status: "Unknown", reason: "Unreadable", message };
  }
  return { type: "Synced", status: "True", reason: "Synced", message: `${inSyncMessage}${left}` };
}

/** The last known values of these fields, shown while the resource cannot be observed. */
export function kept<T extends object>(before: T | undefined, fields: readonly (keyof T)[]): Partial<T> {
  const known = fields.filter((field) => before?.[field] !== undefined);
  return Object.fromEntries(known.map((field) => [field, before?.[field]])) as Partial<T>;
}

/**
 * The id with the time since when the object owns it: what its own create made, since the announcement. An id that was there
 * before this time was kept has none, which counts as the oldest.
 */
export function ownership(
  id: string,
  { metadata, status }: StatusSubject<ManagedStatus>["object"],
  now: number,
): Pick<ManagedStatus, "id" | "ownedSince"> {
  const { uid } = metadata;
  if (status?.id !== id || status.uid !== uid) {
    const attempt = attemptOf({ metadata, spec: {}, ...(status && { status }) });
    return { id, ownedSince: toMicroTime(attempt ? makingSince(attempt) : now) };
  }
  const { ownedSince } = status;
  return { id, ...(ownedSince !== undefined && { ownedSince }) };
}

function handledOf(record: Partial<OwnerRecord> = {}): Pick<ManagedStatus, "handled"> {
  const handled = requestsWhere(record, () => true);
  return isRequested(handled) ? { handled } : {};
}

function conditionsOf(
  { halted, observes, deleting }: OwnershipFacts,
  outcome: ReportedOutcome,
  desired: readonly DesiredCondition[],
  refreshedWhilePaused: readonly string[],
  facts: ConditionFacts,
) {
  // What is observed is reported as it is, and what is paused as it was.
  const halt = observes ? "Observed" : "Paused";
  const held: DesiredCondition[] = halted ? [{ type: halt, status: "True", ...halted }] : [];
  if (outcome.kind !== "Halted")
    return conditions([...progressConditions(outcome, deleting), ...desired, ...held], facts);
  // Only what can be evaluated without acting is updated; the other conditions stay as they were at the halt.
  const refreshed = desired.filter(({ type }) => refreshedWhilePaused.includes(type));
  const refreshes = [...refreshedWhilePaused, "Paused", "Observed"];
  const unchanged = facts.previous.filter(({ type }) => !refreshes.includes(type));
  return [...unchanged, ...conditions([...refreshed, ...held], facts)];
}
