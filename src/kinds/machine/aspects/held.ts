/**
 * What is held of a machine that was off when it was adopted: to name an id is no wish to pay for what has it, or to change
 * its disk. It is neither started nor resized before the object says so after the adoption. Pure.
 */
import type { MachineMemory, MachineObservation, Power } from "../observation.ts";
import type { MachineSpec, MachineStatus } from "../types.ts";

/** What was declared when the machine was adopted: a value that is declared later is a wish of its own. */
export type Held = NonNullable<MachineStatus["adoptedOff"]>;

export const RELEASES =
  "give the annotation paperspace.com/start-requested-at a new value to start it as declared; or change powerState, or the field that differs";

/** Off, or about to be. */
export function isHeldOnAdoption(state: string): boolean {
  return state === "off" || state === "stopping";
}

export function heldOf({ powerState, machineType, diskSize }: MachineSpec): Held {
  return { powerState, hardware: { machineType, ...(diskSize !== undefined && { diskSize }) } };
}

/** The memory with what is held still: nothing once it runs, or the object says what to do. */
export function withHeld(
  { adoptedOff, ...memory }: MachineMemory,
  { spec, requests, power: desired }: Pick<MachineObservation, "spec" | "requests" | "power">,
  power: Power,
): MachineMemory {
  const isRequested = requests.start !== undefined || requests.restart !== undefined;
  const isAsked = isRequested || desired?.reason === "Awake";
  if (!adoptedOff || isAsked || power === "ready" || power === "serviceready") return memory;
  const { powerState, hardware } = adoptedOff;
  if (spec.powerState !== powerState) return memory;
  const isSame = hardware?.machineType === spec.machineType && hardware.diskSize === spec.diskSize;
  return { ...memory, adoptedOff: { powerState, ...(isSame && { hardware }) } };
}
