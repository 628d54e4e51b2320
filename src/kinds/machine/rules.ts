/**
 * CEL rules on the whole object: what may not change once there is a machine. They read the old status; a field-level
 * `self == oldSelf` on an optional field would be bypassed by removing it first. Every refused spec can be corrected.
 */

/** Fields that the API lets nobody change and shows nobody (machines.md section 4). */
export const IMMUTABLE = [
  "region",
  "templateId",
  "enableNvlink",
  "takeInitialSnapshot",
  "emailPassword",
] as const;

const NO_MACHINE_YET = "!has(oldSelf.status) || !has(oldSelf.status.id)";
const GIB = 1024 ** 3;

export const machineRules = [
  ...IMMUTABLE.map((field) => ({
    rule: `${NO_MACHINE_YET} || (has(self.spec.${field}) == has(oldSelf.spec.${field}) && (!has(self.spec.${field}) || self.spec.${field} == oldSelf.spec.${field}))`,
    message: `${field} cannot be changed once the machine exists: put the old value back, or delete this object and make another`,
    fieldPath: `.spec.${field}`,
  })),
  {
    // Back to what the machine has is always allowed: a growth that was refused can be taken back.
    rule: `${NO_MACHINE_YET} || !has(self.spec.diskSize) || !has(oldSelf.spec.diskSize) || self.spec.diskSize >= oldSelf.spec.diskSize || (has(oldSelf.status.storageTotal) && self.spec.diskSize * ${GIB} >= oldSelf.status.storageTotal)`,
    message:
      "diskSize cannot shrink once the machine exists: give the old value or a larger one (the size the machine has is allowed, too)",
    fieldPath: ".spec.diskSize",
  },
  {
    rule: `${NO_MACHINE_YET} || !has(self.spec.adoptId) || self.spec.adoptId == oldSelf.status.id`,
    message: "adoptId cannot name another machine than the one this object owns (status.id)",
    fieldPath: ".spec.adoptId",
  },
];
