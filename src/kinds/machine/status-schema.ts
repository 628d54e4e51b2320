/**
 * What is shown of a machine, and what the operator must remember across restarts. Nothing secret, and nothing that
 * changes by itself while a machine idles: each change of it is a write to the API server.
 */
import { Type } from "../../base/json-schema.ts";
import { stringEnum } from "../../reconcile/schema.ts";
import { handledRequests, managedStatusFields, planEntry } from "../managed-schema.ts";
import { machineCostSchema } from "./cost/facts.ts";
import { lifetimeStatusSchema } from "./lifetime/schema.ts";
import { capacityStatusSchema, placementStatusSchema } from "./placement/schema.ts";
import { awakeSchema, extendedSchema, powerChangeSchema, scheduleStatusSchema } from "./power/schema.ts";

const time = (description: string) => Type.String({ format: "date-time", description });

const accelerator = Type.Object({
  name: Type.String({ description: "Model, such as NVIDIA A100-80G." }),
  count: Type.Number(),
  memory: Type.Optional(Type.Integer({ description: "As the API gives it; its unit is not documented." })),
});

const reservation = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    isActive: Type.Boolean(),
    startedAt: time("By Paperspace's clock."),
    finishedAt: time("By Paperspace's clock."),
  },
  { description: "Reservation that the machine runs under." },
);

const machineEvent = Type.Object({
  id: Type.String(),
  name: Type.String({ description: "create, start, stop, vm-upgrade and so on, or one not known yet." }),
  state: Type.String({ description: "new, in progress, done, error or cancelled." }),
  error: Type.Optional(Type.String()),
  createdAt: time("By Paperspace's clock."),
  finishedAt: Type.Optional(time("By Paperspace's clock.")),
});

const { operation, credentialsSecret, abandoned, plan, conditions, ...managed } = managedStatusFields(
  "machine",
  {
    name: "Display name in Paperspace.",
    abandoned: "Names of creates that were given up; a late machine is found by them.",
    plan: {
      ...planEntry("Create, Update, Resize, Start, Stop, Delete and so on."),
      needsStop: Type.Boolean({ description: "Whether the running machine is stopped for it." }),
      losesData: Type.Boolean({ description: "Whether data on the disk is lost by it." }),
    },
  },
);

const refusal = Type.Object(
  {
    machineType: Type.Optional(Type.String()),
    diskSize: Type.Optional(Type.Integer()),
    message: Type.String(),
    at: time("When."),
    asked: Type.Optional(Type.String({ description: "Value of reconcile-requested-at then." })),
    snapshot: Type.Optional(
      stringEnum(["Failed", "Unconfirmed"], {
        description: "It failed for want of the snapshot before it: that failed, or is not known to be done.",
      }),
    ),
  },
  { description: "The last resize that failed; it is not tried again by stopping the machine once more." },
);

const resizeSnapshot = Type.Object(
  {
    name: Type.String({ description: "As it was requested; the name of one is used once." }),
    id: Type.Optional(Type.String({ description: "Absent: its answer has not come." })),
    eventId: Type.Optional(Type.String()),
    machineId: Type.String({ description: "Machine that it is of." }),
    requestedAt: time("When it was requested."),
    deadline: time("When it is waited for no more."),
    storageTotal: Type.Optional(
      Type.Integer({ format: "int64", description: "Size of the disk then, as Paperspace shows it." }),
    ),
    state: stringEnum(["Requested", "Lost", "Done", "Outdated"], {
      description:
        "Requested: it is being taken. Lost: the request never arrived. Done: it shows the disk as it is. Outdated: the machine was on since then.",
    }),
  },
  {
    description:
      "The last snapshot that was taken before a resize (snapshotBeforeResize). It is never deleted.",
  },
);

const memory = {
  power: Type.Optional(
    stringEnum(["Running", "Stopped"], { description: "Power state that was last reached as asked." }),
  ),
  powerChange: Type.Optional(powerChangeSchema),
  awake: Type.Optional(awakeSchema),
  extended: Type.Optional(extendedSchema),
  schedule: Type.Optional(scheduleStatusSchema),
  lifetime: Type.Optional(lifetimeStatusSchema),
  operation,
  placement: Type.Optional(placementStatusSchema),
  capacity: Type.Optional(capacityStatusSchema),
  resizeRefusal: Type.Optional(refusal),
  resizeSnapshot: Type.Optional(resizeSnapshot),
  disk: Type.Optional(
    Type.Object(
      {
        unit: Type.Optional(Type.Number({ description: "What Paperspace shows for each GiB." })),
        size: Type.Optional(Type.Integer({ description: "Size that was sent last, in GiB." })),
        former: Type.Optional(Type.Integer({ format: "int64", description: "What was shown before it." })),
      },
      { description: "How Paperspace shows the size of a disk that was set by this object." },
    ),
  ),
  storedAs: Type.Optional(
    Type.Array(
      Type.Object({
        field: Type.String({ description: "Path below spec." }),
        declared: Type.String({ description: "As JSON." }),
        shown: Type.String({ description: "How Paperspace writes it, as JSON." }),
        since: Type.Optional(time("When it was seen first, while that is not certain.")),
      }),
      {
        "x-kubernetes-list-type": "atomic",
        description: "Settings that Paperspace writes otherwise than they were sent.",
      },
    ),
  ),
  staticIp: Type.Optional(Type.String({ description: "Static address that was claimed for this machine." })),
  desktopSecret: Type.Optional(Type.String({ description: "Name of the Secret with the desktop access." })),
  adoptedOff: Type.Optional(
    Type.Object(
      {
        powerState: stringEnum(["Running", "Stopped"]),
        hardware: Type.Optional(
          Type.Object({ machineType: Type.String(), diskSize: Type.Optional(Type.Integer()) }),
        ),
      },
      {
        description:
          "The machine was off when it was adopted, and is neither started nor resized until one of these declared values changes, or a start is requested.",
      },
    ),
  ),
  credentialsSecret,
  handled: handledRequests,
  abandoned,
};

const hardware = {
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
};

export const machineStatusSchema = Type.Object(
  {
    ...managed,
    state: Type.Optional(
      Type.String({
        description:
          "State as Paperspace reports it: provisioning, starting, serviceready, ready, stopping, off, restarting, upgrading, or one not known yet.",
      }),
    ),
    ...hardware,
    networkId: Type.Optional(Type.String()),
    privateIp: Type.Optional(Type.String()),
    publicIp: Type.Optional(Type.String()),
    publicIpType: Type.Optional(Type.String()),
    restorePointSnapshotId: Type.Optional(Type.String({ description: "Snapshot of the restore point." })),
    updatesPending: Type.Optional(Type.Boolean({ description: "Updates of the operating system wait." })),
    reservation: Type.Optional(reservation),
    usageRate: Type.Optional(
      Type.Number({ description: "Price while on, as the API gives it (currency and period undocumented)." }),
    ),
    storageRate: Type.Optional(Type.Number({ description: "Price of the disk, as the API gives it." })),
    createdAt: Type.Optional(time("By Paperspace's clock.")),
    cost: Type.Optional(machineCostSchema),
    ...memory,
    lastEvents: Type.Optional(
      Type.Array(machineEvent, {
        "x-kubernetes-list-type": "atomic",
        description: "The last ten events of the machine in Paperspace, newest first.",
      }),
    ),
    leaks: Type.Optional(
      Type.Array(Type.String(), {
        "x-kubernetes-list-type": "atomic",
        description: "Ids of machines that a given-up create of this object made after all. They cost money.",
      }),
    ),
    plan,
    conditions,
  },
  { description: "The machine as it is." },
);
