/**
 * CEL rules on the whole object: what may not change once there is a deployment. They read the old status, so that
 * taking a field out and putting another in does not get round them. Every refused spec can be corrected.
 */

const NO_DEPLOYMENT_YET = "!has(oldSelf.status) || !has(oldSelf.status.id)";

export const deploymentRules = [
  {
    rule: `${NO_DEPLOYMENT_YET} || self.spec.projectId == oldSelf.spec.projectId`,
    message:
      "projectId cannot be changed once the deployment exists: put the old value back, or delete this object and make another",
    fieldPath: ".spec.projectId",
  },
  {
    // One that was there before the id stays: a rule that it breaks would refuse every write, ours included.
    rule: `${NO_DEPLOYMENT_YET} || !has(self.spec.adoptId) || self.spec.adoptId == oldSelf.status.id || (has(oldSelf.spec.adoptId) && self.spec.adoptId == oldSelf.spec.adoptId)`,
    message: "adoptId cannot name another deployment than the one this object owns (status.id)",
    fieldPath: ".spec.adoptId",
  },
];
