/**
 * A resize that was refused or failed, as it is remembered. Pure.
 */
import { toTime } from "../../kube/objects.ts";
import type { MachineObservation, Refusal } from "./observation.ts";

/** A resize that failed is not tried again by stopping the machine once more: the spec must change, or the user request it. */
export function refusalOf(
  { spec, now, asked }: MachineObservation,
  message: string,
  snapshot?: Refusal["snapshot"],
): { resizeRefusal: Refusal } {
  const { machineType, diskSize } = spec;
  return {
    resizeRefusal: {
      machineType,
      ...(diskSize !== undefined && { diskSize }),
      message,
      at: toTime(now),
      ...(asked !== undefined && { asked }),
      ...(snapshot && { snapshot }),
    },
  };
}
