/** The candidates of a placement, and what is declared with one of them: of one template, whichever it is. Pure. */
import { memoizedByObject } from "../../../base/memoized.ts";
import { sameLabel } from "../../region.ts";
import { hashOf, type Leaves, leavesOf, templateOf } from "../compare.ts";
import type { DeploymentConfig } from "../config.ts";
import type { DeploymentMemory, DeploymentObservation, Desired, Target } from "../observation.ts";
import { readConfig } from "../stored-config.ts";
import type { DeclaredSpec, DeploymentSpec } from "../types.ts";

/** What is remembered of a placement across passes. */
export type PlacementMemory = NonNullable<DeploymentMemory["placement"]>;
export type PlacementCandidate = NonNullable<PlacementMemory["chosen"]>;

type Placed = Pick<DeclaredSpec, "placement">;

/** In order of preference; each once, in whatever letter case it is written. */
export function candidatesOf({ placement }: Placed): PlacementCandidate[] {
  const all = placement?.candidates ?? [];
  return all.filter((one, index) => all.findIndex((other) => isSameCandidate(one, other)) === index);
}

export function isSameCandidate(a: PlacementCandidate, b: PlacementCandidate): boolean {
  return sameLabel(a.machineType, b.machineType);
}

/** As it is declared. */
export function candidateIn(
  spec: Placed,
  one: PlacementCandidate | undefined,
): PlacementCandidate | undefined {
  return one && candidatesOf(spec).find((candidate) => isSameCandidate(candidate, one));
}

/** What the configuration that is shown runs on. */
export function shownCandidate({
  resource,
}: Pick<DeploymentObservation, "resource">): PlacementCandidate | undefined {
  const data = resource.state === "present" ? resource.deployment.latestSpec?.data : undefined;
  const config = readConfig(data);
  return config && { machineType: config.resources.machineType };
}

/** The spec with the machine type that holds for now: declared, or chosen, and before that the first candidate. */
export function placedSpec(
  { machineType = "", ...spec }: DeclaredSpec,
  chosen: PlacementCandidate | undefined,
): DeploymentSpec {
  const [first = { machineType }] = candidatesOf(spec);
  return { ...spec, machineType: (spec.placement && chosen ? chosen : first).machineType };
}

/** A configuration as it is compared and sent. Of a placement the machine type is no part of the template. */
export function targetOf(
  config: DeploymentConfig,
  secrets: readonly string[],
  { placement }: Placed,
): Target {
  const leaves = leavesOf(config);
  const template = placement ? typelessTemplateOf(leaves) : templateOf(leaves);
  return { config, leaves, hash: hashOf(leaves), template, secrets };
}

const typelessTemplateOf: (leaves: Leaves) => string = memoizedByObject((leaves) =>
  templateOf(new Map([...leaves].filter(([field]) => field !== "machineType"))),
);

/** The observation of which `memory` is remembered: it chooses what is desired. */
export function withPlacement<V extends Pick<DeploymentObservation, "spec" | "desired" | "memory">>(
  observation: V,
  memory: DeploymentMemory,
): V {
  const spec = placedSpec(observation.spec, memory.placement?.chosen);
  return { ...observation, memory, spec, desired: desiredOn(spec, observation.desired) };
}

function desiredOn(spec: DeploymentSpec, desired: Desired): Desired {
  if (!spec.placement || desired.state !== "known") return desired;
  const { config, secrets } = desired;
  const { machineType } = spec;
  if (config.resources.machineType === machineType) return desired;
  const resources = { ...config.resources, machineType };
  return { ...desired, ...targetOf({ ...config, resources }, secrets, spec) };
}
