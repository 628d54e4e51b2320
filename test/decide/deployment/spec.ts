/** A spec as the API server would have defaulted it, for tests. */
import type { DeploymentSpec } from "../../../src/kinds/deployment/types.ts";

export const SPEC: DeploymentSpec = {
  projectId: "p-alpha",
  enabled: true,
  image: "ghcr.io/acme/model:1",
  replicas: 1,
  machineType: "C4",
  ports: [8080],
  progressDeadlineSeconds: 900,
  rollback: "None",
  deletionPolicy: "Delete",
  onExternalDeletion: "Stall",
};
