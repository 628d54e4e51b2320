/**
 * PaperspaceMachine as the Kubernetes API sees it: its names, its static types, and what the CRD is generated from
 * (`npm run generate`). The schemas themselves are in spec-schema.ts and status-schema.ts, the CEL rules in rules.ts.
 */
import type { Static } from "../../base/json-schema.ts";
import type { Condition, ObjectMeta } from "../../kube/objects.ts";
import type { ManagedObject } from "../../reconcile/managed.ts";
import { defined } from "../../reconcile/schema.ts";
import { machineRules } from "./rules.ts";
import { machineSpecSchema } from "./spec-schema.ts";
import { machineStatusSchema } from "./status-schema.ts";

export const machineDefinition = defined("PaperspaceMachine", "psm", "machine");

/** As the user declares it. */
export type DeclaredSpec = Static<typeof machineSpecSchema>;
/** With the machine type and region that hold for now (placement/candidates.ts). */
export type MachineSpec = DeclaredSpec & { machineType: string; region: string };
export type MachineStatus = Static<typeof machineStatusSchema> & { conditions?: Condition[] };
export type PowerState = MachineSpec["powerState"];

export interface PaperspaceMachine extends ManagedObject {
  metadata: ObjectMeta;
  spec: DeclaredSpec;
  status?: MachineStatus;
}

export const machineColumns = [
  { name: "State", type: "string", jsonPath: ".status.state", description: "As Paperspace reports it" },
  { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: "Type", type: "string", jsonPath: ".status.machineType" },
  { name: "Region", type: "string", jsonPath: ".status.region" },
  { name: "IP", type: "string", jsonPath: ".status.publicIp" },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  { name: "ID", type: "string", jsonPath: ".status.id", priority: 1 },
  { name: "Rate", type: "number", jsonPath: ".status.usageRate", priority: 1 },
  {
    name: "Reason",
    type: "string",
    jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
    priority: 1,
  },
];

export const machineCrd = {
  description: "A machine of Paperspace: a virtual machine, with or without GPUs.",
  spec: machineSpecSchema,
  status: machineStatusSchema,
  rules: machineRules,
  columns: machineColumns,
};
