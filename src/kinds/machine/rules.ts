/**
 * CEL rules on the whole object: what may not change once there is a machine. They read the old status; a field-level
 * `self == oldSelf` on an optional field would be bypassed by removing it first. Every refused spec can be corrected.
 */

/** Fields that the API can neither change nor show (machines.md section 4). */
export const IMMUTABLE = [
  "region",
  "templateId",
  "enableNvlink",
  "takeInitialSnapshot",
  "emailPassword",
] as const;

const NO_MACHINE_YET = "!has(oldSelf.status) || !has(oldSelf.status.id)";

/**
 * An adopted machine may be described afterwards: the API does not show it, and a new machine would be created from it.
 */
const MAY_BE_ADDED: ReadonlySet<string> = new Set(["templateId"]);

function immutable(field: string) {
  const [now, before] = [`self.spec.${field}`, `oldSelf.spec.${field}`];
  const same = `has(${now}) == has(${before}) && (!has(${now}) || ${now} == ${before})`;
  const kept = MAY_BE_ADDED.has(field) ? `!has(${before}) || (has(${now}) && ${now} == ${before})` : same;
  return {
    rule: `${NO_MACHINE_YET} || (${kept})`,
    message: `${field} cannot be changed once the machine exists: put the old value back, or delete this object and make another`,
    fieldPath: `.spec.${field}`,
  };
}

const GIB = 1024 ** 3;
/** As in aspects/hardware.ts: a few percent are no difference. */
const GIB_AND_A_BIT = Math.ceil(1.08 * GIB);
const OBSERVED = `(oldSelf.status.storageTotal < ${GIB} ? oldSelf.status.storageTotal * ${GIB} : oldSelf.status.storageTotal)`;
const GROWN = "has(oldSelf.spec.diskSize) && self.spec.diskSize >= oldSelf.spec.diskSize";
/** Back to what the machine has is always allowed: a growth that was refused can be reverted. */
const AS_OBSERVED = `has(oldSelf.status.storageTotal) ? self.spec.diskSize * ${GIB_AND_A_BIT} >= ${OBSERVED} : !has(oldSelf.spec.diskSize)`;

export const machineRules = [
  ...IMMUTABLE.map(immutable),
  {
    rule: `${NO_MACHINE_YET} || (!has(self.spec.diskSize) ? !has(oldSelf.spec.diskSize) : ((${GROWN}) || (${AS_OBSERVED})))`,
    message:
      "diskSize cannot shrink or be left out once the machine exists: give the old value or a larger one (the size the machine has is allowed, too)",
    fieldPath: ".spec.diskSize",
  },
  {
    // One that was there before the id stays: a rule that it breaks would refuse every write, the operator's included.
    rule: `${NO_MACHINE_YET} || !has(self.spec.adoptId) || self.spec.adoptId == oldSelf.status.id || (has(oldSelf.spec.adoptId) && self.spec.adoptId == oldSelf.spec.adoptId)`,
    message: "adoptId cannot name another machine than the one this object owns (status.id)",
    fieldPath: ".spec.adoptId",
  },
];
