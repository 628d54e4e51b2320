/**
 * PaperspaceDeployment as the Kubernetes API sees it: its names, its static types, and what the CRD is generated from
 * (`npm run generate`). The schemas themselves are in spec-schema.ts and status-schema.ts, the CEL rules in rules.ts.
 */
import type { Static } from "../../base/json-schema.ts";
import type { Condition, ObjectMeta } from "../../kube/objects.ts";
import type { ManagedObject } from "../../reconcile/managed.ts";
import { INTENT_CREATE } from "../../reconcile/ownership-facts.ts";
import { defined } from "../../reconcile/schema.ts";
import { deploymentRules } from "./rules.ts";
import { deploymentSpecSchema } from "./spec-schema.ts";
import { deploymentStatusSchema } from "./status-schema.ts";

export const deploymentDefinition = defined("PaperspaceDeployment", "psd", "deployment");

/** As the user declares it. */
export type DeclaredSpec = Static<typeof deploymentSpecSchema>;
/** With the machine type that holds for now, where that is chosen by a placement (placement/candidates.ts). */
export type DeploymentSpec = Omit<DeclaredSpec, "machineType"> & { machineType: string };
export type DeploymentStatus = Static<typeof deploymentStatusSchema> & { conditions?: Condition[] };
export type Rollout = NonNullable<DeploymentStatus["history"]>[number];

export interface PaperspaceDeployment extends ManagedObject {
  metadata: ObjectMeta;
  spec: DeclaredSpec;
  status?: DeploymentStatus;
}

/** The declared name in Paperspace. */
export function cloudNameOf({ metadata, spec }: PaperspaceDeployment): string {
  return spec.name ?? metadata.name;
}

/** Equal for names that the API may take for one: it may trim them or fold their case. */
export function foldedName(name: string): string {
  return name.trim().toLowerCase();
}

/**
 * The project of its deployment, or of its open create: what was declared when the create was announced, or when the
 * deployment was adopted.
 */
export function projectOf({ metadata, spec, status }: PaperspaceDeployment): string {
  const isBound = status?.id !== undefined || status?.operation?.intent === INTENT_CREATE;
  return (isBound && status?.uid === metadata.uid && status?.projectId) || spec.projectId;
}

export const deploymentColumns = [
  { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: "Replicas", type: "integer", jsonPath: ".status.replicas" },
  {
    name: "Available",
    type: "integer",
    jsonPath: ".status.readyReplicas",
    description: "Instances that serve",
  },
  { name: "Type", type: "string", jsonPath: ".status.machineType" },
  { name: "URL", type: "string", jsonPath: ".status.url" },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  {
    name: "Reason",
    type: "string",
    jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
    priority: 1,
  },
  { name: "Image", type: "string", jsonPath: ".spec.image", priority: 1 },
  { name: "ID", type: "string", jsonPath: ".status.id", priority: 1 },
];

export const deploymentCrd = {
  description: "A deployment of Paperspace: a container behind an endpoint.",
  spec: deploymentSpecSchema,
  status: deploymentStatusSchema,
  rules: deploymentRules,
  columns: deploymentColumns,
  scale: {
    specReplicasPath: ".spec.replicas",
    statusReplicasPath: ".status.replicas",
    labelSelectorPath: ".status.selector",
  },
};
