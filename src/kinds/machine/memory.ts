/** What an object remembers across passes, as its status has it. Pure. */
import type { MachineMemory } from "./observation.ts";
import type { PaperspaceMachine } from "./types.ts";

export function memoryOf({ spec, status = { observedGeneration: -1 } }: PaperspaceMachine): MachineMemory {
  const { operation, power, resizeRefusal, resizeSnapshot, disk, staticIp } = status;
  const { desktopSecret, adoptedOff, storedAs, capacity, powerChange, awake } = status;
  const { extended, schedule, lifetime } = status;
  const { next: _next, tooDear: _dear, ...placement } = status.placement ?? {};
  // A machine that is being deleted to make way is the operator's doing, and has its address, whatever is declared since.
  const isPlaced = spec.placement !== undefined || placement.attempt?.removing !== undefined;
  return {
    ...(operation && { operation }),
    ...(power && { power }),
    ...(powerChange && { powerChange }),
    ...(awake && { awake }),
    ...(extended && { extended }),
    ...(schedule && { schedule }),
    ...(lifetime && { lifetime }),
    ...(resizeRefusal && { resizeRefusal }),
    ...(resizeSnapshot && { resizeSnapshot }),
    ...(disk && { disk }),
    ...(staticIp && { staticIp }),
    ...(desktopSecret && { desktopSecret }),
    ...(adoptedOff && { adoptedOff }),
    ...(storedAs && { storedAs }),
    ...(capacity && { capacity: { waitingSince: capacity.waitingSince } }),
    ...(isPlaced && status.placement && { placement }),
  };
}
