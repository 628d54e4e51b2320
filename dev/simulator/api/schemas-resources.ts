/**
 * The shapes of what machines touch: templates, networks, addresses, snapshots and startup scripts (other-resources.md).
 * Only schemas live here.
 */

import { Type } from "typebox";
import { closed, date, nullable, opt } from "./schemas.ts";
import { MachineEvent } from "./schemas-machines.ts";

/** Declared as "anything, date or null"; an empty object only with liveDtDeleted `object`. */
export const LooseDtDeleted = opt(Type.Union([date(), Type.Null(), closed({})]));
const MachineTypes = Type.Array(closed({ machineTypeLabel: Type.String(), isAvailable: Type.Boolean() }));

/** other-resources.md, os-templates. */
export const OsTemplate = closed({
  id: Type.String(),
  name: Type.String(),
  agentType: Type.String(),
  operatingSystemLabel: Type.String(),
  defaultSizeGb: nullable(Type.Number({ exclusiveMinimum: 0 })),
  availableMachineTypes: MachineTypes,
  dtCreated: date(),
});

export const CreateTemplate = closed({ name: Type.String(), machineId: Type.String() });
export const UpdateTemplate = closed({ name: Type.String() });

/** other-resources.md, custom-templates. */
export const CustomTemplate = closed({
  id: Type.String(),
  name: Type.String(),
  agentType: Type.String(),
  operatingSystemLabel: Type.String(),
  region: Type.String(),
  defaultSizeGb: Type.Number({ exclusiveMinimum: 0 }),
  availableMachineTypes: MachineTypes,
  parentMachineId: Type.String(),
  dtCreated: date(),
  dtDeleted: LooseDtDeleted,
});

export const TemplateAndEvent = closed({ data: CustomTemplate, event: MachineEvent });

export const CreateNetwork = closed({
  name: Type.String(),
  region: Type.String(),
  migrateMachines: opt(Type.Boolean()),
});
export const UpdateNetwork = closed({ name: opt(Type.String()) });

/** other-resources.md, private-networks. */
export const Network = closed({
  id: Type.String(),
  name: Type.String(),
  region: Type.String(),
  network: Type.String(),
  netmask: Type.String(),
  dtCreated: date(),
  dtDeleted: LooseDtDeleted,
});
/** "200 with JSON null": how an unknown network is answered. */
export const MaybeNetwork = nullable(Network);
/** What remains of a network that is deleted. */
export const OnlyId = closed({ id: Type.String() });

export const ClaimAddress = closed({ region: Type.String() });
/** The key is required: null is what unassigns. */
export const AssignAddress = closed({ machineId: nullable(Type.String()) });

/** other-resources.md, public-ips. */
export const PublicIp = closed({
  ip: Type.String(),
  region: Type.String(),
  assignedMachineId: opt(Type.String()),
  dtCreated: date(),
});
export const OnlyIp = closed({ ip: Type.String() });

export const CreateSnapshot = closed({ name: Type.String(), machineId: Type.String() });
export const UpdateSnapshot = closed({ name: opt(Type.String()) });
export const RestoreSnapshot = closed({ createSnapshotBeforeRestore: opt(Type.Boolean()) });

/** other-resources.md, snapshots. */
export const Snapshot = closed({
  id: Type.String(),
  name: Type.String(),
  machineId: Type.String(),
  isAutoSnapshot: Type.Boolean(),
});
export const SnapshotAndEvent = closed({ data: Snapshot, event: MachineEvent });

export const CreateScript = closed({
  name: Type.String(),
  script: Type.String(),
  isRunOnce: opt(Type.Boolean()),
});
export const UpdateScript = closed({
  name: opt(Type.String()),
  script: opt(Type.String()),
  isRunOnce: opt(Type.Boolean()),
  isEnabled: opt(Type.Boolean()),
});
export const AssignScript = closed({ machineId: Type.String() });

/** other-resources.md, startup-scripts. */
export const StartupScript = closed({
  id: Type.String(),
  name: Type.String(),
  description: nullable(Type.String()),
  isEnabled: Type.Boolean(),
  isRunOnce: Type.Boolean(),
  assignedMachineIds: Type.Array(Type.String()),
  dtCreated: date(),
  dtDeleted: nullable(date()),
});
