/**
 * The shapes of requests and answers (machines.md sections 2 to 5, other-resources.md). Only schemas live here: bodies
 * are closed, so that an unknown field in a request is an error and one in an answer is a fault of ours.
 */

import { type TProperties, type TSchema, Type } from "typebox";
import { MACHINE_STATES } from "../world/records.ts";

const closed = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const opt = <S extends TSchema>(schema: S) => Type.Optional(schema);
const date = () => Type.String({ format: "date-time" });
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

/** start, stop and restart take no fields. */
export const NoFields = closed({});

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

const OptionalName = opt(nullable(Type.String()));

/** machines.md section 5.3. */
export const Accessor = closed({
  user: closed({
    id: Type.String(),
    email: Type.String({ format: "email" }),
    firstName: OptionalName,
    lastName: OptionalName,
    publicProfileImageUrl: OptionalName,
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

/** other-resources.md, os-templates. */
export const OsTemplate = closed({
  id: Type.String(),
  name: Type.String(),
  agentType: Type.String(),
  operatingSystemLabel: Type.String(),
  defaultSizeGb: nullable(Type.Number({ exclusiveMinimum: 0 })),
  availableMachineTypes: Type.Array(closed({ machineTypeLabel: Type.String(), isAvailable: Type.Boolean() })),
  dtCreated: date(),
});

/** other-resources.md, teams. */
export const TeamUser = closed({
  isAdmin: Type.Boolean(),
  isOwner: Type.Boolean(),
  dtConfirmed: opt(nullable(date())),
  user: closed({
    id: Type.String(),
    email: Type.String(),
    firstName: OptionalName,
    lastName: OptionalName,
    publicProfileImageUrl: OptionalName,
    lastActive: opt(nullable(date())),
  }),
});

/** other-resources.md, auth: null when nobody is logged in. */
export const Session = nullable(
  closed({
    user: closed({
      firstName: nullable(Type.String()),
      lastName: nullable(Type.String()),
      email: Type.String(),
      dtCreated: date(),
      dtConfirmed: nullable(date()),
      teamMemberships: Type.Array(
        closed({
          team: closed({
            name: Type.String(),
            id: Type.String(),
            namespace: Type.String(),
            publicProfileImageUrl: OptionalName,
            isUserTeam: Type.Boolean(),
            dtCreated: date(),
          }),
          isOwner: Type.Boolean(),
          isAdmin: Type.Boolean(),
        }),
      ),
      isPhoneVerified: Type.Boolean(),
      isPasswordAuthEnabled: Type.Boolean(),
      isQrCodeBasedMfaEnabled: Type.Boolean(),
      isQrCodeBasedMfaConfirmed: Type.Boolean(),
      preferences: opt(Type.Null()),
      id: Type.String(),
      analyticsId: Type.Number(),
      metadata: closed({ graphcoreTermsAccepted: opt(Type.Boolean()) }),
    }),
    team: closed({
      namespace: Type.String(),
      isPrivate: Type.Boolean(),
      maxMachines: Type.Number(),
      id: Type.String(),
      analyticsId: Type.Number(),
    }),
  }),
);

export const Health = Type.Literal("HEALTHY");

/** machines.md section 2; nextPage is null or "" only where nextPageWhenLast says so. */
export const page = <S extends TSchema>(item: S) =>
  closed({ hasMore: Type.Boolean(), items: Type.Array(item), nextPage: opt(nullable(Type.String())) });

/** Query of a paged list. `limit` is checked by paging.ts, since what lies outside the bounds has a switch. */
export const pageQuery = <P extends TProperties>(orderBy: [string, ...string[]], filters: P) =>
  closed({
    after: opt(Type.String()),
    limit: opt(Type.String()),
    orderBy: opt(Type.Enum(orderBy)),
    order: opt(Type.Enum(["asc", "desc"])),
    ...filters,
  });

/** errors-and-limits.md section 2, with either extra field. */
export const ErrorBody = closed({
  message: Type.String(),
  code: Type.String(),
  details: opt(Type.Object({})),
  issues: opt(Type.Array(closed({ message: Type.String() }))),
});
