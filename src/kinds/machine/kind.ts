/** PaperspaceMachine as a kind: its observer, its policy and its actuator, put together. */
import type { Kind } from "../../reconcile/kind.ts";
import { MachineActuator } from "./actuator.ts";
import type { MachineTypes } from "./observation.ts";
import { MachineObserver, type MachineObserverOptions } from "./observer.ts";
import { machinePolicy } from "./policy.ts";
import { machineDefinition } from "./types.ts";

export function machineKind(options: MachineObserverOptions): Kind<MachineTypes> {
  const observer = new MachineObserver(options);
  return {
    definition: machineDefinition,
    observer,
    policy: machinePolicy(options.settings.deadlines),
    actuator: new MachineActuator(observer, options),
  };
}
