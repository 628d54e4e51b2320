/**
 * CEL rules on the whole object: what may not change once there is a machine. They read the old status. Every refused
 * spec can be corrected.
 */
import { adoptRule, immutableRule, UNBOUND } from "../managed-schema.ts";

/** Fields that the API can neither change nor show (machines.md section 4). */
export const IMMUTABLE = ["templateId", "enableNvlink", "takeInitialSnapshot", "emailPassword"] as const;

/**
 * An adopted machine may be described afterwards: the API does not show it, and a new machine would be created from it.
 */
const MAY_BE_ADDED: ReadonlySet<string> = new Set(["templateId"]);

const GIB = 1024 ** 3;
/** As in aspects/hardware.ts: a few percent are no difference. */
const GIB_AND_A_BIT = Math.ceil(1.08 * GIB);
const OBSERVED = `(oldSelf.status.storageTotal < ${GIB} ? oldSelf.status.storageTotal * ${GIB} : oldSelf.status.storageTotal)`;
const GROWN = "has(oldSelf.spec.diskSize) && self.spec.diskSize >= oldSelf.spec.diskSize";
/** Back to what the machine has is always allowed: a growth that was refused can be reverted. */
const AS_OBSERVED = `has(oldSelf.status.storageTotal) ? self.spec.diskSize * ${GIB_AND_A_BIT} >= ${OBSERVED} : !has(oldSelf.spec.diskSize)`;

/** A placement ends with the region that it chose; what a restored backup lacks cannot be compared. */
const CHOSEN =
  "!has(oldSelf.status.placement) || !has(oldSelf.status.placement.chosen) || self.spec.region == oldSelf.status.placement.chosen.region";
const SAME_REGION = "has(oldSelf.spec.region) && self.spec.region == oldSelf.spec.region";

export const machineRules = [
  {
    rule: `${UNBOUND} || !has(self.spec.region) || (${SAME_REGION}) || (has(oldSelf.spec.placement) && (${CHOSEN}))`,
    message:
      "region cannot be changed once the machine exists: put the old value back (after a placement, that of status.placement.chosen), or delete this object and make another",
    fieldPath: ".spec.region",
  },
  {
    rule: `${UNBOUND} || !has(self.spec.placement) || has(oldSelf.spec.placement)`,
    message:
      "placement cannot be given to a machine that exists: put machineType and region back, or delete this object and make another",
    fieldPath: ".spec.placement",
  },
  ...IMMUTABLE.map((field) =>
    immutableRule("machine", field, MAY_BE_ADDED.has(field) ? "onceGiven" : "optional"),
  ),
  {
    rule: `${UNBOUND} || (!has(self.spec.diskSize) ? !has(oldSelf.spec.diskSize) : ((${GROWN}) || (${AS_OBSERVED})))`,
    message:
      "diskSize cannot shrink or be left out once the machine exists: give the old value or a larger one (the size the machine has is allowed, too)",
    fieldPath: ".spec.diskSize",
  },
  adoptRule("machine"),
];
