/**
 * What a user may declare of a machine. A field is added only once it has an effect. Names and units follow the
 * Paperspace API (machines.md sections 3 and 4); absent means unmanaged, an empty list or string means none.
 */
import { type TString, Type } from "../../base/json-schema.ts";
import { apiId, apiIdOrEmpty, apiWord, stringEnum, textField } from "../../reconcile/schema.ts";
import { adoptOrRecreate, managedSpecFields } from "../managed-schema.ts";
import { lifetimeSchema } from "./lifetime/schema.ts";
import { capacitySchema, placementSchema } from "./placement/schema.ts";
import { scheduleSchema } from "./power/schema.ts";

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
      "Automatic shutdown. A machine that shut itself down is reported (Ready, reason AutoShutdown) and not started again until the annotation paperspace.com/start-requested-at gets a new value, or powerState is set to Stopped and back to Running.",
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

const restorePoint = Type.Object(
  {
    enabled: Type.Boolean({
      description:
        "Whether the disk goes back to the restore point. What was written to it since then is lost each time.",
    }),
    frequency: Type.Optional(stringEnum(["shutdown"], { description: "When: at every shutdown." })),
    snapshotId: Type.Optional(
      apiId("Snapshot of this machine to go back to. Absent: the initial snapshot (takeInitialSnapshot)."),
    ),
  },
  { description: "Restore point: the disk is put back to a snapshot at every shutdown." },
);

const userList = (items: TString, description: string) =>
  Type.Array(items, { maxItems: 100, description, "x-kubernetes-list-type": "set" });

const accessors = Type.Object(
  {
    userIds: Type.Optional(userList(apiId("Id of a user."), "User ids.")),
    emails: Type.Optional(
      userList(
        textField("line", "E-mail address.", { maxLength: 254 }),
        "E-mail addresses of members of the team, in any letter case.",
      ),
    ),
  },
  {
    description:
      "Who may access the machine: exactly these, from both lists together; others are taken away. Empty lists: nobody but its owner. Absent: not managed.",
    "x-kubernetes-validations": [
      {
        rule: "has(self.userIds) || has(self.emails)",
        message: "give userIds or emails; an empty list lets nobody in but the owner",
      },
    ],
  },
);

/** What is given once, at creation; the API shows none of it afterwards (machines.md section 4). */
const creation = {
  enableNvlink: Type.Optional(
    Type.Boolean({ description: "NVLink between the GPUs, for types that have it. Only at creation." }),
  ),
  takeInitialSnapshot: Type.Optional(
    Type.Boolean({ description: "Take a snapshot at the first boot. Only at creation." }),
  ),
  emailPassword: Type.Boolean({
    default: false,
    description: "Mail the login password to the owner. Only at creation.",
  }),
};

const { deletionPolicy, onExternalDeletion, adoptId, ...managed } = managedSpecFields("machine", {
  deletes: "destroys it with its disk",
  recreates: "makes a new one. The old disk is lost either way.",
});

const policies = {
  resizePolicy: stringEnum(["WhenStopped", "StopAndResize"], {
    default: "WhenStopped",
    description:
      "When machineType and diskSize are changed, which needs the machine off: WhenStopped waits until it is off, StopAndResize stops it, changes it and starts it again.",
  }),
  snapshotBeforeResize: Type.Optional(
    Type.Boolean({
      description:
        "Whether a snapshot of the disk is taken before machineType or diskSize are changed, once the machine is off. Where it fails, nothing is changed. It is never deleted by the operator, and is billed.",
    }),
  ),
  deletionPolicy,
  publicIpReleasePolicy: stringEnum(["Keep", "Release"], {
    default: "Keep",
    description:
      "What becomes of a static address once this machine has no use for it any more: Keep leaves it in the account, where it is billed; Release gives it back.",
  }),
  onExternalDeletion,
};

export const machineSpecSchema = Type.Object(
  {
    name: Type.Optional(
      textField(
        "line",
        "Display name in Paperspace. Absent: the name given at creation, <metadata.name>-<hash>, stays.",
      ),
    ),
    machineType: Type.Optional(
      apiWord(
        "Machine type label, such as C5, A4000 or H100. A change needs the machine off (resizePolicy) and stays within the group of the type. Needed unless placement is given.",
      ),
    ),
    region: Type.Optional(
      apiWord(
        "Region: ny2, ca1 or ams1. It cannot be changed once the machine exists. Needed unless placement is given.",
      ),
    ),
    placement: Type.Optional(placementSchema),
    capacity: Type.Optional(capacitySchema),
    templateId: Type.Optional(
      apiId(
        "Id of the OS template or custom template the disk is made from. Needed unless adoptId is set or each candidate of placement has one; it cannot be changed once the machine exists.",
      ),
    ),
    diskSize: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000000,
        description:
          "Disk size in GiB; Paperspace offers 50, 100, 250, 500, 1000, 2000 and more. Needed unless adoptId is set. It can only grow, and a change needs the machine off (resizePolicy).",
      }),
    ),
    powerState: stringEnum(["Running", "Stopped"], {
      default: "Running",
      description:
        "Whether the machine shall run. A stopped machine costs no compute, its disk is still billed. Running starts it, Stopped stops it; nothing else is changed.",
    }),
    schedule: Type.Optional(scheduleSchema),
    lifetime: Type.Optional(lifetimeSchema),
    networkId: Type.Optional(
      apiId("Private network. A machine can move to another one, but not leave private networking."),
    ),
    publicIpType: Type.Optional(
      stringEnum(["static", "dynamic", "none"], {
        description:
          "Public address: static is kept and billed until released, dynamic is a new one at every start, none is none.",
      }),
    ),
    startupScriptId: Type.Optional(
      apiIdOrEmpty(
        "Startup script of the machine, the only one: others are unassigned. Empty: none. Absent: not managed.",
      ),
    ),
    autoShutdown: Type.Optional(autoShutdown),
    autoSnapshot: Type.Optional(autoSnapshot),
    restorePoint: Type.Optional(restorePoint),
    accessors: Type.Optional(accessors),
    ...creation,
    ...policies,
    adoptId,
    desktopSecretRef: Type.Optional(
      Type.Object(
        {
          name: textField("objectName", "Name of the Secret. It must not exist, or be this object's own."),
        },
        {
          description:
            "Secret to write the desktop access into (type, host, port, password). It is kept current, and removed with the machine.",
        },
      ),
    ),
    ...managed,
  },
  {
    description: "The machine as it shall be. An absent field is not managed.",
    "x-kubernetes-validations": [
      {
        rule: "has(self.placement) ? !has(self.machineType) && !has(self.region) : has(self.machineType) && has(self.region)",
        message: "give either machineType and region, or placement",
      },
      {
        rule: "!has(self.placement) || !has(self.adoptId)",
        message:
          "placement cannot be together with adoptId: give the machineType and the region that the machine has",
      },
      {
        rule: "has(self.adoptId) || (has(self.diskSize) && (has(self.templateId) || (has(self.placement) && self.placement.candidates.all(c, has(c.templateId)))))",
        message:
          "templateId and diskSize are needed to create a machine (or a templateId in each candidate of placement, or adoptId to take one over)",
      },
      adoptOrRecreate("machine", "replace adoptId by templateId and diskSize"),
    ],
  },
);
