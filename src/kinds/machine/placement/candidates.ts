/**
 * The candidates of a placement as pairs of machine type and region, and the spec of a machine once one of them is
 * chosen. Pure.
 */
import { regionCode, sameLabel, sameRegion } from "../../region.ts";
import type { Machine } from "../api.ts";
import type { DeclaredSpec, MachineSpec, MachineStatus } from "../types.ts";

/** What is remembered of a placement across passes. */
export type PlacementMemory = Omit<NonNullable<MachineStatus["placement"]>, "next" | "tooDear">;

export interface Place {
  machineType: string;
  region: string;
}

export type PlacementCandidate = NonNullable<PlacementMemory["chosen"]>;

/** In order of preference; each pair once, however its region is written. */
export function candidatesOf({ placement }: Pick<DeclaredSpec, "placement">): PlacementCandidate[] {
  const all = (placement?.candidates ?? []).flatMap(({ machineType, regions, templateId }) =>
    regions.map((region) => ({ machineType, region, ...(templateId !== undefined && { templateId }) })),
  );
  return all.filter((one, index) => all.findIndex((other) => isSamePlace(one, other)) === index);
}

export function isSamePlace(a: Place, b: Place): boolean {
  return sameLabel(a.machineType, b.machineType) && sameRegion(a.region, b.region);
}

/** The key of a place. The type is as declared: whether hardware is free is asked of the API by it, letter case included. */
export function placeKey({ machineType, region }: Place): string {
  return JSON.stringify([regionCode(region), machineType]);
}

export function atPlace(key: string): Place {
  const [region, machineType] = JSON.parse(key) as [string, string];
  return { region, machineType };
}

/** As messages name it. */
export function shownPlace({ machineType, region }: Place): string {
  return `${machineType} in ${region}`;
}

/**
 * The spec with the machine type and the region that hold for now: those declared, those chosen for the create, those of
 * the machine where status does not have them, and before that the first candidate.
 */
export function placedSpec(
  spec: DeclaredSpec,
  chosen: PlacementCandidate | undefined,
  machine?: Pick<Machine, "machineType" | "region">,
): MachineSpec {
  if (!spec.placement) return { ...spec, machineType: spec.machineType ?? "", region: spec.region ?? "" };
  const [first = { machineType: "", region: "" }] = candidatesOf(spec);
  const { machineType, region } = machine ?? {};
  return withCandidate(spec, chosen ?? (machineType && region ? { machineType, region } : first));
}

export function withCandidate(
  spec: DeclaredSpec,
  { machineType, region, templateId }: PlacementCandidate,
): MachineSpec {
  return { ...spec, machineType, region, ...(templateId !== undefined && { templateId }) };
}
