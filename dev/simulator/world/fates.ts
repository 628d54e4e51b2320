/**
 * What a configuration leads to in the cluster: whether it can be applied at all, and how its instances end up,
 * evaluated at every step so that later failures and repairs take effect. Nothing changes here but planned failures,
 * used up.
 */

import { findMachineType } from "./catalogue.ts";
import { meaningOf } from "./deployment-config.ts";
import {
  type Config,
  type DeploymentRecord,
  type Fate,
  INSTANCE_FATES,
  type InstanceFate,
} from "./deployment-records.ts";
import { secretNamed } from "./secrets.ts";
import type { World } from "./world.ts";

/** Parts of image names with which an experiment needs nothing but a configuration. */
export const IMAGE_FATES: Readonly<Record<string, Fate>> = {
  "does-not-exist": "pull",
  "fails-startup": "startup",
  crashes: "crash",
  "never-ready": "unready",
  "invalid-config": "config",
  "fails-prebuild": "prebuild",
};

/** Types that only deployments can have; the sheet's own sample is one (deployments.md section 3.1). */
const DEPLOYMENT_TYPES = ["C4", "C8", "RTX5000"];

/** Nothing runs on a type that the vendor does not have: its instances wait for ever. */
export const isDeployable = (machineType: string) =>
  DEPLOYMENT_TYPES.includes(machineType) || findMachineType(machineType, true) !== undefined;

/** Why the cluster cannot apply the configuration as a whole (deployments.md section 6.1); undefined when it can. */
export function specError(world: World, deployment: DeploymentRecord, config: Config): string | undefined {
  const planned = world.specFailures.find((f) => (f.name ?? deployment.name) === deployment.name);
  if (planned) {
    world.specFailures.splice(world.specFailures.indexOf(planned), 1);
    return planned.error;
  }
  const fate = imageFate(world, config.image);
  if (fate === "config") return `Invalid configuration: image ${config.image} is not accepted`;
  if (fate === "prebuild") return `Pre-build step failed for image ${config.image}`;
  const { missingSecret, missingRegistry } = world.behaviour;
  return (
    (missingSecret === "specError" && unknownSecret(world, deployment, config)) ||
    (missingRegistry === "specError" && unknownRegistry(world, deployment, config)) ||
    undefined
  );
}

/** What goes wrong with an instance, and the message that it shows; undefined where nothing fails. */
export function troubleOf(world: World, deployment: DeploymentRecord, config: Config) {
  const { trouble } = deployment;
  if (trouble) return { fate: trouble.fate, message: trouble.message ?? MESSAGES[trouble.fate](config) };
  const missing = unknownSecret(world, deployment, config) ?? unknownRegistry(world, deployment, config);
  if (missing) return { fate: "pull" as const, message: missing };
  const fate = imageFate(world, config.image);
  if (!fate || !isOfInstances(fate)) return undefined;
  return { fate, message: MESSAGES[fate](config) };
}

const MESSAGES: Record<InstanceFate, (config: Config) => string> = {
  pull: ({ image }) => `Back-off pulling image "${image}"`,
  startup: (config) =>
    meaningOf(config).checks.startup?.exec
      ? "Startup probe failed: command exited with code 1"
      : "Startup probe failed: HTTP probe failed with statuscode: 503",
  crash: () => "Back-off restarting failed container: exited with code 1",
  unready: () => "Readiness probe failed: HTTP probe failed with statuscode: 503",
};

const isOfInstances = (fate: Fate): fate is InstanceFate =>
  (INSTANCE_FATES as readonly string[]).includes(fate);

/** The entry that was set last for a part of the name takes precedence. */
function imageFate(world: World, image: string): Fate | null | undefined {
  const fates: [string, Fate | null][] = [...Object.entries(IMAGE_FATES), ...world.imageFates];
  return fates.findLast(([part]) => image.includes(part))?.[1];
}

function unknownSecret(world: World, deployment: DeploymentRecord, config: Config) {
  const missing = meaningOf(config).secrets.find((name) => !secretNamed(world, deployment, name));
  return missing === undefined ? undefined : `Secret ${missing} not found`;
}

function unknownRegistry(world: World, { teamId }: DeploymentRecord, config: Config) {
  const { registry } = meaningOf(config);
  if (registry === null) return undefined;
  const isThere = [...world.registries.values()].some(
    (r) => r.teamId === teamId && r.settings.name === registry,
  );
  return isThere ? undefined : `Container registry ${registry} not found`;
}
