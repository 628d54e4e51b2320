/**
 * CEL rules on the whole object: what may not change once there is a deployment. Every refused spec can be corrected.
 */
import { adoptRule, immutableRule } from "../managed-schema.ts";

export const deploymentRules = [
  immutableRule("deployment", "projectId", "required"),
  adoptRule("deployment"),
];
