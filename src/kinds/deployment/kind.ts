/** PaperspaceDeployment as a kind: its observer, its policy and its actuator, put together. */
import type { Kind } from "../../reconcile/kind.ts";
import { DeploymentActuator } from "./actuator.ts";
import type { DeploymentTypes } from "./observation.ts";
import { DeploymentObserver, type DeploymentObserverOptions } from "./observer.ts";
import { deploymentPolicy } from "./policy.ts";
import { deploymentDefinition } from "./types.ts";

export function deploymentKind(options: DeploymentObserverOptions): Kind<DeploymentTypes> {
  const observer = new DeploymentObserver(options);
  return {
    definition: deploymentDefinition,
    observer,
    policy: deploymentPolicy,
    actuator: new DeploymentActuator(observer, options),
  };
}
