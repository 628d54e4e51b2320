/**
 * The shapes of machines, their events, accessors and desktops (machines.md sections 3 to 5). Only schemas live here.
 */

import { Type } from "typebox";
import { MACHINE_STATES } from "../world/records.ts";
import { closed, date, nullable, opt, SHOWN_USER } from "./schemas.ts";

/** 50, 100, 250 … 16000 "or another positive number" (observed-in-the-field, vendor's schema). */
const diskSize = () => Type.Number({ exclusiveMinimum: 0 });

const PublicIpType = Type.Enum(["static", "dynamic", "none"]);
const SnapshotFrequency = Type.Enum(["hourly", "daily", "weekly", "monthly"]);
const RestoreFrequency = Type.Enum(["shutdown"]);

/** Settings that create and update share. */
const settings = {
  networkId: opt(Type.String()),
  publicIpType: opt(PublicIpType),
  autoSnapshotEnabled: opt(Type.Boolean()),
  autoSnapshotFrequency: opt(SnapshotFrequency),
  autoSnapshotSaveCount: opt(Type.Number()),
  autoShutdownEnabled: opt(Type.Boolean()),
  autoShutdownTimeout: opt(Type.Number()),
  autoShutdownForce: opt(Type.Boolean()),
  restorePointEnabled: opt(Type.Boolean()),
  restorePointFrequency: opt(RestoreFrequency),
};

/** machines.md section 3. */
export const CreateMachine = closed({
  name: Type.String({ minLength: 1 }),
  machineType: Type.String(),
  templateId: Type.String(),
  diskSize: diskSize(),
  region: Type.String(),
  ...settings,
  takeInitialSnapshot: opt(Type.Boolean()),
  startupScriptId: opt(Type.String()),
  emailPassword: opt(Type.Boolean()),
  startOnCreate: opt(Type.Boolean()),
  enableNvlink: opt(Type.Boolean()),
  accessorIds: opt(Type.Array(Type.String())),
});

/** machines.md section 4. */
export const UpdateMachine = closed({
  name: opt(Type.String()),
  machineType: opt(Type.String()),
  diskSize: opt(diskSize()),
  ...settings,
  restorePointSnapshotId: opt(Type.String()),
});

export const AddAccessor = closed({ userId: Type.String() });

/**
 * machines.md section 5.1. os, ram, region and storage are null only with createPlaceholders `legacy`; the comparison
 * with the vendor's own schema knows that deviation by name.
 */
export const Machine = closed({
  id: Type.String(),
  name: Type.String(),
  state: Type.Enum([...MACHINE_STATES]),
  os: nullable(Type.String()),
  machineType: Type.String(),
  agentType: Type.String(),
  cpus: Type.Number(),
  ram: nullable(Type.Integer()),
  storageTotal: nullable(Type.Integer()),
  storageUsed: nullable(Type.Integer()),
  accelerators: opt(
    nullable(
      Type.Array(closed({ name: Type.String(), memory: nullable(Type.Integer()), count: Type.Number() })),
    ),
  ),
  region: nullable(Type.String()),
  privateIp: nullable(Type.String()),
  networkId: nullable(Type.String()),
  publicIp: nullable(Type.String()),
  publicIpType: PublicIpType,
  autoShutdownEnabled: Type.Boolean(),
  autoShutdownTimeout: nullable(Type.Number()),
  autoShutdownForce: nullable(Type.Boolean()),
  autoSnapshotEnabled: Type.Boolean(),
  autoSnapshotFrequency: nullable(SnapshotFrequency),
  autoSnapshotSaveCount: nullable(Type.Number()),
  updatesPending: Type.Boolean(),
  restorePointEnabled: Type.Boolean(),
  restorePointFrequency: nullable(RestoreFrequency),
  restorePointSnapshotId: nullable(Type.String()),
  usageRate: Type.Number(),
  storageRate: Type.Number(),
  dtCreated: date(),
  dtModified: date(),
  dtDeleted: nullable(date()),
  reservation: nullable(
    closed({
      name: Type.String({ minLength: 1 }),
      id: Type.String({ format: "uuid" }),
      dtStarted: date(),
      dtFinished: date(),
      isActive: Type.Boolean(),
    }),
  ),
});

/** machines.md sections 5.2 and 8. */
export const MachineEvent = closed({
  id: Type.String(),
  name: Type.Enum([
    "bill-sessions",
    "bill-upgrade",
    "create",
    "deactivate",
    "restart",
    "snapshot-create",
    "snapshot-delete",
    "snapshot-restore",
    "start",
    "stop",
    "template-create",
    "template-delete",
    "template-distribute",
    "template-import",
    "vm-migrate",
    "vm-shutdown-force",
    "vm-upgrade",
  ]),
  state: Type.Enum(["new", "in progress", "done", "error", "cancelled"]),
  machineId: nullable(Type.String()),
  error: nullable(Type.String()),
  dtCreated: date(),
  dtStarted: nullable(date()),
  dtFinished: nullable(date()),
});

export const MachineAndEvent = closed({ data: Machine, event: MachineEvent });
/** The event of an update is optional (machines.md section 9, row 3). */
export const MachineAndMaybeEvent = closed({ data: Machine, event: opt(MachineEvent) });

/** machines.md section 5.3. */
export const Accessor = closed({
  user: closed({
    ...SHOWN_USER,
    email: Type.String({ format: "email" }),
  }),
  dtDeleted: opt(nullable(date())),
});

const port = () => Type.Integer({ minimum: 1, maximum: 65535 });

/** machines.md section 5.4. */
export const Desktop = closed({
  vnc: opt(closed({ hostname: Type.String(), port: port(), password: Type.String() })),
  windows: opt(closed({ hostname: Type.String(), port: port(), publicIp: opt(Type.String()) })),
});

export const Availability = closed({ available: Type.Boolean() });
