/**
 * What candidates cost by the hour, as far as that is known, and which of them cost more than the user allows. What is not
 * known of a rate is allowed, and speaks for nothing. Pure.
 */
import type { DesiredCondition } from "../../../reconcile/conditions.ts";
import { regionCode } from "../../region.ts";
import type { Machine } from "../api.ts";
import type { MachineObservation } from "../observation.ts";
import { REASON } from "../reasons.ts";
import type { DeclaredSpec } from "../types.ts";
import { candidatesOf, type Place, type PlacementCandidate, placeKey, shownPlace } from "./candidates.ts";

export type HourlyRates = ReadonlyMap<string, number>;

type Placed = Pick<DeclaredSpec, "placement">;
export type RateView = Pick<MachineObservation, "spec"> & {
  related?: Pick<MachineObservation["related"], "rates">;
};

/** The key of what has one rate. Lists of prices and machines may write a type or a region otherwise than a spec. */
export function rateKey({ machineType, region }: Place): string {
  return JSON.stringify([regionCode(region), machineType.toLowerCase()]);
}

/** Whether rates decide which candidate is taken. */
export function usesRates({ placement }: Placed): boolean {
  return placement?.order === "Price" || placement?.maxHourlyRate !== undefined;
}

/** What a machine shows of its rate. One that is fresh or off may show 0, which says nothing. */
export function shownRate({ usageRate }: Pick<Machine, "usageRate">): number | undefined {
  return usageRate ? usageRate : undefined;
}

export function rateOf({ related }: RateView, place: Place): number | undefined {
  return related?.rates?.[placeKey(place)];
}

export function isOverMaximum({ placement }: Placed, rate: number | undefined): boolean {
  const most = placement?.maxHourlyRate;
  return most !== undefined && rate !== undefined && rate > Number(most);
}

/** Candidates that are known to cost more than the user allows. */
export function tooDear(view: RateView): (Place & { rate: number })[] {
  return candidatesOf(view.spec).flatMap(({ machineType, region }) => {
    const rate = rateOf(view, { machineType, region });
    return rate !== undefined && isOverMaximum(view.spec, rate) ? [{ machineType, region, rate }] : [];
  });
}

/** In the order in which they are tried: as declared, or the cheapest first, and what is not known last. */
export function inOrderOfWish(
  view: RateView,
  candidates: readonly PlacementCandidate[],
): readonly PlacementCandidate[] {
  if (view.spec.placement?.order !== "Price") return candidates;
  const rate = (candidate: Place) => rateOf(view, candidate) ?? Number.MAX_VALUE;
  return candidates.toSorted((a, b) => rate(a) - rate(b));
}

/** As messages name it. */
export function shownCost(place: Place, rate: number): string {
  return `${shownPlace(place)} costs ${rate} an hour`;
}

/** Its machine is there, and costs more than the user allows. It may have data, so it stays. */
export function rateCondition(
  { spec }: Pick<MachineObservation, "spec">,
  machine: Machine,
): DesiredCondition[] {
  const rate = shownRate(machine);
  const most = spec.placement?.maxHourlyRate;
  if (rate === undefined || !isOverMaximum(spec, rate)) return [];
  const message = `${shownCost(spec, rate)}, and placement.maxHourlyRate is ${most}. The machine stays, and is billed: raise the maximum, turn the machine off (powerState), or delete this object`;
  return [{ type: RATE_EXCEEDED, status: "True", reason: REASON.RateExceeded, message }];
}

export const RATE_EXCEEDED = "RateExceeded";
