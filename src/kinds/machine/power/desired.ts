/**
 * Whether a machine shall be on, and why: one precedence over everything that has a say in it (docs/power.md). Deletion, pause,
 * dry-run and Observe come before it; they are shared by all kinds (reconcile/decide.ts). Pure.
 */
import { toTime } from "../../../kube/objects.ts";
import { millis } from "../../../reconcile/conditions.ts";
import type { MachineStatus, PowerState } from "../types.ts";
import type { Edge } from "./schedule.ts";

/** What was requested, or what Paperspace did by itself: the newest one, with its time. */
export type PowerChange = NonNullable<MachineStatus["powerChange"]>;

/** All that has a say. Times in milliseconds since the epoch. */
export interface PowerFacts {
  /** spec.powerState. */
  declared: PowerState;
  /** Since when its lifetime is over, RFC 3339. */
  stoppedAt?: string;
  /** End of the time for which it is kept on. */
  awakeUntil?: number;
  /** The last time of the schedule that has come, and the next one. */
  edge?: Edge | undefined;
  nextEdge?: number | undefined;
  /** The newest request, or shutdown of Paperspace's own. */
  change?: PowerChange | undefined;
  now: number;
}

export type PowerReason = "Declared" | "LifetimeStopped" | "Awake" | "Schedule" | PowerChange["cause"];

export interface DesiredPower {
  /** Under AutoShutdown a machine that is off stays so, and one that is on stays on. */
  state: PowerState;
  reason: PowerReason;
  /** Since when this decides, RFC 3339; absent where the spec does. */
  since?: string;
  /** Next time at which something else may decide. */
  until?: number;
}

export interface PowerFault {
  reason: string;
  message: string;
}

/** Why the power state of the spec in an observation is what it is. */
export interface ObservedPower extends DesiredPower {
  /** The newest change is an open request that status does not have yet: until it has, the request stays open. */
  unnoted?: true;
  /** What the user gave that is not acted upon. */
  faults: readonly PowerFault[];
}

/** The first that has a say decides. */
const PRECEDENCE: readonly ((facts: PowerFacts) => DesiredPower | undefined)[] = [
  ({ declared }) => (declared === "Stopped" ? { state: "Stopped", reason: "Declared" } : undefined),
  ({ stoppedAt }) =>
    stoppedAt === undefined ? undefined : { state: "Stopped", reason: "LifetimeStopped", since: stoppedAt },
  ({ awakeUntil, now }) =>
    awakeUntil !== undefined && now < awakeUntil
      ? { state: "Running", reason: "Awake", until: awakeUntil }
      : undefined,
  // Of these two the newest: who starts a machine by hand keeps it until the next stop.
  ({ change, edge }) =>
    change && (edge === undefined || timeOf(change) >= edge.at)
      ? {
          state: change.cause === "StopRequested" ? "Stopped" : "Running",
          reason: change.cause,
          since: change.at,
        }
      : undefined,
  ({ edge }) => edge && { state: edge.state, reason: "Schedule", since: toTime(edge.at) },
];

export function desiredPower(facts: PowerFacts): DesiredPower {
  const desired = firstSaid(facts);
  const { nextEdge } = facts;
  // A power state that is declared ends with the spec alone.
  if (nextEdge === undefined || (desired.state === "Stopped" && desired.reason === "Declared"))
    return desired;
  return { ...desired, until: Math.min(nextEdge, desired.until ?? nextEdge) };
}

function firstSaid(facts: PowerFacts): DesiredPower {
  for (const decide of PRECEDENCE) {
    const desired = decide(facts);
    if (desired) return desired;
  }
  return { state: "Running", reason: "Declared" };
}

/** The newest of these; of two of the same time the later one in the list. */
export function newestChange(changes: readonly (PowerChange | undefined)[]): PowerChange | undefined {
  return changes.reduce((newest, one) => {
    if (!newest || !one) return one ?? newest;
    return timeOf(one) >= timeOf(newest) ? one : newest;
  }, undefined);
}

function timeOf({ at }: PowerChange): number {
  return millis(at) ?? Number.NEGATIVE_INFINITY;
}
