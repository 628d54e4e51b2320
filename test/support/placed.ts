/** Specs with a placement instead of a machine type and a region, and what must hold of the machines that come of one. */
import { expect } from "vitest";
import type { MachineRecord } from "../../dev/simulator/world/records.ts";
import type { DeclaredSpec as DeclaredDeployment } from "../../src/kinds/deployment/types.ts";
import type { DeclaredSpec } from "../../src/kinds/machine/types.ts";

export type Placement = NonNullable<DeclaredSpec["placement"]>;

/** The first in one region, the second in two. */
export const TWO: Placement["candidates"] = [
  { machineType: "H100", regions: ["ny2"] },
  { machineType: "A4000", regions: ["ny2", "ca1"] },
];

/** To be merged with a spec that has a machine type and a region. */
export function placed(
  placement: Partial<Placement> = {},
  more: Partial<DeclaredSpec> = {},
): Partial<DeclaredSpec> {
  const without = { machineType: undefined, region: undefined } as unknown as Partial<DeclaredSpec>;
  return { ...without, placement: { candidates: TWO, ...placement }, ...more };
}

/** Of the machines that one object made, none was created before the one before it was gone. */
export function expectNeverTwo(made: readonly MachineRecord[]): void {
  const inOrder = made.toSorted((a, b) => Date.parse(a.dtCreated) - Date.parse(b.dtCreated));
  for (const [index, machine] of inOrder.entries()) {
    const before = inOrder[index - 1];
    if (before) expect(Date.parse(before.dtDeleted ?? "")).toBeLessThanOrEqual(Date.parse(machine.dtCreated));
  }
}

export type DeploymentPlacement = NonNullable<DeclaredDeployment["placement"]>;

export const TYPES = ["C4", "A4000", "H100"] as const;

/** The same of a deployment, of these machine types. */
export function placedOn(
  types: readonly string[] = TYPES,
  placement: Partial<DeploymentPlacement> = {},
): Partial<DeclaredDeployment> {
  const without = { machineType: undefined } as unknown as Partial<DeclaredDeployment>;
  return {
    ...without,
    placement: { candidates: types.map((machineType) => ({ machineType })), ...placement },
  };
}
