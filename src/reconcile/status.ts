/**
 * What the status of every kind says alike: whose it is, which spec it is about, and the conditions around the kind's
 * own. Pure. What the thing in the cloud is like comes from the kind.
 */
import { type ObjectMeta, toTime } from "../kube/objects.ts";
import { type Change, describe } from "./change.ts";
import { type ConditionFacts, conditions, type DesiredCondition, progressConditions } from "./conditions.ts";
import type { CloudAccount, ManagedStatus } from "./managed.ts";
import type { ReportedOutcome } from "./outcome.ts";
import type { OwnershipFacts } from "./ownership.ts";
import type { OwnerRecord } from "./record.ts";

/** What a kind has to say; only what is common to all is said for it. */
export interface StatusParts<T extends ManagedStatus> {
  /** What the thing is like, as far as it is to be shown. */
  facts: Partial<T>;
  memory: Partial<T>;
  /** The kind's own conditions. While the object is halted only those of the types in `saidAnew` are said anew. */
  conditions: readonly DesiredCondition[];
  /** Types of conditions that can be judged without acting. One that is not claimed any more goes. */
  refreshedWhilePaused?: readonly string[];
}

/** The parts of a kind's subject that its status rests on. */
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
  const said = conditionsOf(observation, outcome, conditions, refreshedWhilePaused, {
    previous,
    generation,
    now: toTime(observation.now),
  });
  // What is at odds stays as it is: written anew it would no longer be, and a second thing would be made.
  if (observation.identity.state === "conflict" && before)
    return { ...before, observedGeneration: generation, conditions: said };
  const teamId = record?.team ?? account?.team ?? before?.teamId;
  const status: ManagedStatus = {
    // A spec that we are kept from looking at has not been observed: nobody may take it for done.
    observedGeneration: outcome.kind === "Halted" ? (before?.observedGeneration ?? -1) : generation,
    ...(record && { id: record.id }),
    ...(teamId !== undefined && { teamId }),
    ...(uid !== undefined && { uid }),
    ...facts,
    ...memory,
    ...handledOf(record),
    ...(before?.abandoned && { abandoned: before.abandoned }),
    conditions: said,
  };
  return status as Observed<T>;
}

/** `wellSaid` is said where nothing differs. */
export function syncedCondition(changes: readonly Change[], inSyncMessage: string): DesiredCondition {
  return changes.length > 0
    ? { type: "Synced", status: "False", reason: "Drifted", message: describe(changes) }
    : { type: "Synced", status: "True", reason: "Synced", message: inSyncMessage };
}

/** While the thing cannot be seen, what was last known of it stays: it is all there is. */
export function kept<T extends object>(before: T | undefined, fields: readonly (keyof T)[]): Partial<T> {
  const known = fields.filter((field) => before?.[field] !== undefined);
  return Object.fromEntries(known.map((field) => [field, before?.[field]])) as Partial<T>;
}

function handledOf({ restart, start }: Partial<OwnerRecord> = {}): Pick<ManagedStatus, "handled"> {
  if (restart === undefined && start === undefined) return {};
  return { handled: { ...(restart !== undefined && { restart }), ...(start !== undefined && { start }) } };
}

function conditionsOf(
  { halted, deleting }: OwnershipFacts,
  outcome: ReportedOutcome,
  reservations: readonly DesiredCondition[],
  refreshedWhilePaused: readonly string[],
  facts: ConditionFacts,
) {
  const paused: DesiredCondition[] = halted ? [{ type: "Paused", status: "True", ...halted }] : [];
  if (outcome.kind !== "Halted")
    return conditions([...progressConditions(outcome, deleting), ...reservations, ...paused], facts);
  // Only what can be seen without acting is said anew; the rest stands as it was when we were halted.
  const anew = reservations.filter(({ type }) => refreshedWhilePaused.includes(type));
  const kept = facts.previous.filter(({ type }) => type !== "Paused" && !refreshedWhilePaused.includes(type));
  return [...kept, ...conditions([...anew, ...paused], facts)];
}
