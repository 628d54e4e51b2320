/**
 * How long an object waits for hardware, and what is reported meanwhile. It waits for as long as the user says, whatever
 * candidates it tries in that time. Pure.
 */
import { parseDuration } from "../../../base/options.ts";
import { toTime } from "../../../kube/objects.ts";
import {
  ageOfTime,
  isLate,
  ongoingOrStart,
  requeueAfter,
  stalled,
  withoutOperation,
} from "../../../reconcile/decision.ts";
import {
  AWAIT_CAPACITY,
  type MachineDecision,
  type MachineMemory,
  type MachineObservation,
} from "../observation.ts";
import { REASON } from "../reasons.ts";
import { candidatesOf, placeKey, shownPlace } from "./candidates.ts";
import { isOverMaximum, rateOf } from "./rates.ts";

type Patient = Pick<MachineObservation, "spec" | "now">;

/** Waits, and remembers since when. It goes on by itself, unless the user has it end. `message`: what is short. */
export function awaitHardware(
  observation: MachineObservation,
  memory: MachineMemory,
  message: string,
  againMs: number,
): MachineDecision {
  const { limits, now, spec } = observation;
  const operation = ongoingOrStart(observation, AWAIT_CAPACITY, limits.capacityMs);
  const waiting = { ...memory, operation, ...waitingSince(observation, memory, operation.requestedAt) };
  const given = givenUp(observation, waiting);
  if (given) return given;
  const isReported = spec.capacity === undefined && isLate(operation, now);
  if (!isReported)
    return requeueAfter(
      waiting,
      REASON.WaitingForCapacity,
      message,
      Math.min(againMs, untilGivenUp(observation, waiting)),
    );
  const late = `${message}; it has been so since ${operation.requestedAt}. Another machineType or region may be free`;
  return stalled(waiting, REASON.CapacityUnavailable, late, againMs);
}

/** The memory of an object that has begun to wait at this time, where it has not before; kept where the spec has a use for it. */
export function waitingSince(
  { spec, now }: Patient,
  { capacity }: MachineMemory,
  since = toTime(now),
): Pick<MachineMemory, "capacity"> {
  if (capacity) return { capacity };
  return spec.capacity || spec.placement ? { capacity: { waitingSince: since } } : {};
}

/** The time is over, and the user has it end there: nothing more is created or started. */
export function givenUp(
  observation: Patient & Pick<MachineObservation, "limits" | "related">,
  memory: MachineMemory,
): MachineDecision | undefined {
  const { spec, limits } = observation;
  const { capacity } = memory;
  if (spec.capacity?.onTimeout !== "Fail" || !capacity) return undefined;
  if (untilGivenUp(observation, memory) > 0) return undefined;
  const message = `no hardware was free for ${spec.capacity.waitAtMost}, since ${capacity.waitingSince}, and onTimeout is Fail: nothing more is tried. ${shownAlternatives(observation)}Give capacity.waitAtMost more time, or onTimeout Keep; or choose another machineType or region`;
  return stalled(withoutOperation(memory), REASON.CapacityUnavailable, message, limits.slowMs);
}

/** What is known to be free now: the user may know of nothing else that is. */
function shownAlternatives(observation: Pick<MachineObservation, "spec" | "related">): string {
  const { spec, related } = observation;
  const { region } = spec;
  const hinted = spec.placement
    ? candidatesOf(spec).filter((one) => related.places?.[placeKey(one)]?.hint === "free")
    : Object.keys(related.capacity)
        .filter((type) => related.capacity[type]?.hint === "free")
        .map((type) => ({ machineType: type, region }));
  const free = hinted.filter((place) => !isOverMaximum(spec, rateOf(observation, place)));
  return free.length > 0 ? `Free now: ${free.map(shownPlace).join(", ")}. ` : "";
}

/** Milliseconds until the time is over; infinite where nothing ends then. */
function untilGivenUp({ spec, now }: Patient, { capacity }: MachineMemory): number {
  const { waitAtMost = "", onTimeout } = spec.capacity ?? {};
  const most = parseDuration(waitAtMost);
  if (onTimeout !== "Fail" || most === undefined || !capacity) return Number.POSITIVE_INFINITY;
  return Math.max(0, most - ageOfTime(capacity.waitingSince, now));
}
