/**
 * PaperspaceMachine as the Kubernetes API sees it. This one definition gives the static types and the CRD
 * (`npm run generate`); a field stands here only once it does something. Names and units follow the Paperspace API
 * (machines.md sections 3 to 5), absent means unmanaged.
 */
import { type Static, Type } from "typebox";
import type { Condition, ObjectMeta } from "../../kube/objects.ts";
import type { KindDefinition, ManagedObject } from "../../reconcile/kind.ts";
import { conditionsSchema, operationSchema, secretKeyRef, stringEnum } from "../../reconcile/schema.ts";

export const machineDefinition: KindDefinition = {
  group: "paperspace.com",
  version: "v1alpha1",
  kind: "PaperspaceMachine",
  plural: "paperspacemachines",
  shortName: "psm",
};

const autoShutdown = Type.Object(
  {
    enabled: Type.Boolean({ description: "Whether Paperspace shuts the machine down by itself." }),
    timeoutHours: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 8760, description: "Hours until it does." }),
    ),
    force: Type.Optional(Type.Boolean({ description: "Shut down even while somebody is connected." })),
  },
  {
    description:
      "Automatic shutdown. A machine that shut itself down is reported (Ready, reason AutoShutdown) and not started again until powerState is set to Stopped and back to Running.",
  },
);

const autoSnapshot = Type.Object(
  {
    enabled: Type.Boolean({ description: "Whether Paperspace takes snapshots by itself." }),
    frequency: Type.Optional(
      stringEnum(["hourly", "daily", "weekly", "monthly"], { description: "How often." }),
    ),
    saveCount: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: "Snapshots kept; the oldest goes first." }),
    ),
  },
  { description: "Automatic snapshots of the disk." },
);

export const machineSpecSchema = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 253,
        description:
          "Display name in Paperspace. Absent: the name given at creation, <metadata.name>-<hash>, stays.",
      }),
    ),
    machineType: Type.String({
      minLength: 1,
      maxLength: 63,
      description:
        "Machine type label, such as C5, A4000 or H100. It cannot be changed once the machine exists.",
    }),
    region: Type.String({
      minLength: 1,
      maxLength: 63,
      description: "Region: ny2, ca1 or ams1. It cannot be changed once the machine exists.",
    }),
    templateId: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 63,
        description:
          "Id of the OS template or custom template the disk is made from. Needed unless adoptId is set; it cannot be changed once the machine exists.",
      }),
    ),
    diskSize: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000000,
        description:
          "Disk size in GiB; Paperspace offers 50, 100, 250, 500, 1000, 2000 and more. Needed unless adoptId is set; it cannot be changed once the machine exists.",
      }),
    ),
    powerState: stringEnum(["Running", "Stopped"], {
      default: "Running",
      description:
        "Whether the machine shall run. A stopped machine costs no compute, its disk is still billed. Running starts it, Stopped stops it; nothing else is changed.",
    }),
    autoShutdown: Type.Optional(autoShutdown),
    autoSnapshot: Type.Optional(autoSnapshot),
    deletionPolicy: stringEnum(["Delete", "Orphan"], {
      default: "Delete",
      description:
        "What becomes of the machine when this object is deleted: Delete destroys it with its disk, Orphan leaves it as it is.",
    }),
    adoptId: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 63,
        description: "Id of an existing machine to take over instead of creating one.",
      }),
    ),
    credentialsSecretRef: Type.Optional(
      secretKeyRef(
        "Secret of the same namespace that holds the API key. Absent: the Secret paperspace-credentials, then the operator's own key where this namespace may use it.",
      ),
    ),
  },
  {
    description: "The machine as it shall be. An absent field is not managed.",
    "x-kubernetes-validations": [
      {
        rule: "has(self.adoptId) || (has(self.templateId) && has(self.diskSize))",
        message: "templateId and diskSize are needed to create a machine (or adoptId to take one over)",
      },
    ],
  },
);

const accelerator = Type.Object({
  name: Type.String({ description: "Model, such as NVIDIA A100-80G." }),
  count: Type.Number(),
  memory: Type.Optional(Type.Integer({ description: "As the API gives it; its unit is not documented." })),
});

export const machineStatusSchema = Type.Object(
  {
    observedGeneration: Type.Integer({ description: "Generation of the spec this status is about." }),
    id: Type.Optional(Type.String({ description: "Id of the machine in Paperspace." })),
    teamId: Type.Optional(Type.String({ description: "Paperspace team the machine belongs to." })),
    uid: Type.Optional(Type.String({ description: "UID of the object this status was written for." })),
    name: Type.Optional(Type.String({ description: "Display name in Paperspace." })),
    state: Type.Optional(
      Type.String({
        description:
          "State as Paperspace reports it: provisioning, starting, serviceready, ready, stopping, off, restarting, upgrading, or one not known yet.",
      }),
    ),
    power: Type.Optional(
      stringEnum(["Running", "Stopped"], { description: "Power state that was last reached as asked." }),
    ),
    machineType: Type.Optional(Type.String()),
    region: Type.Optional(Type.String()),
    os: Type.Optional(Type.String()),
    agentType: Type.Optional(Type.String()),
    cpus: Type.Optional(Type.Number()),
    ram: Type.Optional(Type.Integer({ format: "int64", description: "Bytes." })),
    storageTotal: Type.Optional(Type.Integer({ format: "int64", description: "Bytes." })),
    accelerators: Type.Optional(
      Type.Array(accelerator, { "x-kubernetes-list-type": "atomic", description: "GPUs." }),
    ),
    networkId: Type.Optional(Type.String()),
    privateIp: Type.Optional(Type.String()),
    publicIp: Type.Optional(Type.String()),
    publicIpType: Type.Optional(Type.String()),
    usageRate: Type.Optional(
      Type.Number({ description: "Price while on, as the API gives it (currency and period undocumented)." }),
    ),
    storageRate: Type.Optional(Type.Number({ description: "Price of the disk, as the API gives it." })),
    createdAt: Type.Optional(Type.String({ format: "date-time", description: "By Paperspace's clock." })),
    operation: Type.Optional(operationSchema),
    conditions: Type.Optional(conditionsSchema),
  },
  { description: "The machine as it is." },
);

export type MachineSpec = Static<typeof machineSpecSchema>;
export type MachineStatus = Static<typeof machineStatusSchema> & { conditions?: Condition[] };
export type PowerState = MachineSpec["powerState"];

export interface PaperspaceMachine extends ManagedObject {
  metadata: ObjectMeta;
  spec: MachineSpec;
  status?: MachineStatus;
}

/** Fields the API lets nobody change, once there is a machine: bound by rules on the root, which see the old status. */
export const IMMUTABLE = ["machineType", "region", "templateId", "diskSize"] as const;

const NO_MACHINE_YET = "!has(oldSelf.status) || !has(oldSelf.status.id)";

/** Rules on the whole object. A field-level `self == oldSelf` on an optional field is bypassed by removing it first. */
export const machineRules = [
  ...IMMUTABLE.map((field) => ({
    rule: `${NO_MACHINE_YET} || (has(self.spec.${field}) == has(oldSelf.spec.${field}) && (!has(self.spec.${field}) || self.spec.${field} == oldSelf.spec.${field}))`,
    message: `${field} cannot be changed once the machine exists: put the old value back, or delete this object and make another`,
    fieldPath: `.spec.${field}`,
  })),
  {
    rule: `${NO_MACHINE_YET} || !has(self.spec.adoptId) || self.spec.adoptId == oldSelf.status.id`,
    message: "adoptId cannot name another machine than the one this object owns (status.id)",
    fieldPath: ".spec.adoptId",
  },
];

export const machineColumns = [
  { name: "State", type: "string", jsonPath: ".status.state", description: "As Paperspace reports it" },
  { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: "Type", type: "string", jsonPath: ".spec.machineType" },
  { name: "Region", type: "string", jsonPath: ".spec.region" },
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
