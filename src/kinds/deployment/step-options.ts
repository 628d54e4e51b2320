/** What the steps of a deployment work with, beside what was observed. No behaviour. */
import type { Inventory } from "../inventory.ts";
import type { Lookup } from "../lookup.ts";
import type { Deployment, DeploymentApi } from "./api.ts";
import type { References } from "./references.ts";
import type { PaperspaceDeployment } from "./types.ts";

export interface DeploymentStepOptions {
  /** Undefined before there is a deployment. */
  id: string | undefined;
  object: PaperspaceDeployment;
  projectId: string;
  api: DeploymentApi;
  inventory: Inventory<Deployment>;
  projectSecrets: Lookup<readonly string[]>;
  references: References;
  now: () => number;
  deleteMs: number;
  /** How long reads may lag behind an upsert. */
  settleMs: number;
  /** How often what failed and is in nobody's way is tried again. */
  slowMs: number;
}
