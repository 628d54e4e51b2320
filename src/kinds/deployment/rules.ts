/**
 * CEL rules on the whole object: what may not change once there is a deployment. Every refused spec can be corrected.
 */
import { adoptRule, immutableRule, NOT_OWNED } from "../managed-schema.ts";

/** What an open create made is searched for in the project that it was sent to. */
const projectWhileCreating = {
  rule: "!has(oldSelf.status) || !has(oldSelf.status.operation) || oldSelf.status.operation.intent != 'Create' || self.spec.projectId == oldSelf.spec.projectId",
  message:
    "projectId cannot be changed while a create is open: wait until its outcome is known (status.operation is gone then), or put the old value back",
  fieldPath: ".spec.projectId",
};

export const deploymentRules = [
  // Not with Recreate either: secrets of the former deployment are removed from its project.
  immutableRule("deployment", "projectId", "required", NOT_OWNED),
  projectWhileCreating,
  adoptRule("deployment"),
];
