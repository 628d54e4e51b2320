/**
 * The records a world is made of, and their shape in answers. No rules and no transitions live here.
 */

import type { Cancel } from "../../../src/base/clock.ts";

export const MACHINE_STATES = [
  "off",
  "starting",
  "stopping",
  "restarting",
  "serviceready",
  "ready",
  "upgrading",
  "provisioning",
] as const;

export type MachineState = (typeof MACHINE_STATES)[number];

/** Up, as far as a client can tell. */
export const isOn = (machine: { state: MachineState }) =>
  machine.state === "ready" || machine.state === "serviceready";

export type EventState = "new" | "in progress" | "done" | "error" | "cancelled";

/** The names that the simulator gives out, of the 17 in machines.md section 8. */
export const EVENT_NAMES = [
  "create",
  "start",
  "stop",
  "restart",
  "deactivate",
  "vm-upgrade",
  "vm-migrate",
  "vm-shutdown-force",
  "snapshot-create",
  "snapshot-delete",
  "snapshot-restore",
  "template-create",
  "bill-sessions",
] as const;

export type EventName = (typeof EVENT_NAMES)[number];

/** Work beside a machine's own course: a start or a stop leaves it alone, only the end of the machine ends it. */
export const SIDE_WORK: ReadonlySet<EventName> = new Set<EventName>([
  "snapshot-create",
  "snapshot-delete",
  "snapshot-restore",
  "template-create",
  "vm-migrate",
]);

/** What all resources have in common. */
export interface Owned {
  id: string;
  /** Order of creation, which breaks ties between equal dates. */
  seq: number;
  teamId: string;
  /** Monotonic. */
  createdAt: number;
  dtCreated: string;
  dtDeleted: string | null;
}

export interface User {
  id: string;
  email: string;
  firstName: string | null;
  lastName: string | null;
  isAdmin: boolean;
  isOwner: boolean;
  dtConfirmed: string | null;
}

/** A request budget: a bucket of `burst` calls that gains `perSecond` calls a second, of real time. */
export interface Budget {
  burst: number;
  perSecond: number;
}

export interface Team {
  id: string;
  namespace: string;
  keys: string[];
  users: User[];
  /** Quota (errors-and-limits.md section 4, session.team.maxMachines). */
  maxMachines: number;
  goodStanding: boolean;
  /** The messages of the account's standing. */
  standingMessages: string[];
  /** null: never a 429. */
  budget: Budget | null;
  /** Static addresses outlive their machine (observed-in-the-field 11). */
  staticAddresses: StaticAddress[];
  dtCreated: string;
  analyticsId: number;
}

/** An address of the account; its text is its key (other-resources.md, public-ips). */
export interface StaticAddress {
  ip: string;
  seq: number;
  region: string;
  machineId: string | null;
  dtCreated: string;
}

export type UserSeed = Partial<User> & { email: string };

/** A network that was there before; the suffix of an id alone is its region, such as `nalpha0ny2`. */
export type NetworkSeed = string | { id: string; name?: string; region?: string };

/** A project that was there before; an id alone is its name, too. */
export type ProjectSeed = string | { id: string; name?: string };

export interface TeamSeed {
  id?: string;
  namespace?: string;
  keys?: string[];
  users?: UserSeed[];
  networks?: NetworkSeed[];
  /** Default: one of the name `default`, such as `p-alpha` of the namespace alpha. */
  projects?: ProjectSeed[];
  maxMachines?: number;
  goodStanding?: boolean;
  budget?: Budget | null;
}

export interface Accessor {
  user: User;
  dtDeleted: string | null;
}

/** Settings that create and update share (machines.md sections 3 and 4). */
export interface MachineSettings {
  name: string;
  publicIpType: "static" | "dynamic" | "none";
  autoShutdownEnabled: boolean;
  autoShutdownTimeout: number | null;
  autoShutdownForce: boolean | null;
  autoSnapshotEnabled: boolean;
  autoSnapshotFrequency: "hourly" | "daily" | "weekly" | "monthly" | null;
  autoSnapshotSaveCount: number | null;
  restorePointEnabled: boolean;
  restorePointFrequency: "shutdown" | null;
  restorePointSnapshotId: string | null;
}

/** The Machine of answers (machines.md section 5.1). Placeholders may be null with createPlaceholders `legacy`. */
export interface MachineView extends MachineSettings {
  id: string;
  state: MachineState;
  os: string | null;
  machineType: string;
  agentType: string;
  cpus: number;
  ram: number | null;
  storageTotal: number | null;
  storageUsed: number | null;
  accelerators: { name: string; memory: number | null; count: number }[] | null;
  region: string | null;
  privateIp: string | null;
  networkId: string | null;
  publicIp: string | null;
  updatesPending: boolean;
  usageRate: number;
  storageRate: number;
  dtCreated: string;
  dtModified: string;
  dtDeleted: string | null;
  reservation: null;
}

export interface MachineRecord extends Owned {
  settings: MachineSettings;
  machineType: string;
  /** GiB. */
  diskSize: number;
  region: string;
  templateId: string;
  networkId: string | null;
  state: MachineState;
  /** False until the facts are in (machines.md section 7, right after create). */
  detailed: boolean;
  privateIp: string | null;
  publicIp: string | null;
  accessors: Accessor[];
  /** Never answered, only shown on the control port. */
  writeOnly: { startupScriptId?: string; emailPassword: boolean; enableNvlink?: boolean };
  /** First boot takes a snapshot. */
  snapshotDue: boolean;
  /** Takes one of the machines that its type has in its region. */
  holdsSlot: boolean;
  deleting: EventRecord | null;
  /** A restart that was requested while one was in progress. */
  nextRestart: EventRecord | null;
  /** The machine is held in this state when it reaches it, as one that got stuck. */
  holdAt: MachineState | null;
  /** What reads give until the monotonic time `until`. */
  stale: { view: MachineView; until: number } | null;
  /** How often the desktop got another password. */
  desktopRenewals: number;
  /** The snapshot that the disk was last put back to. */
  restoredFrom: string | null;
  dtModified: string;
  /** Transitions that lie ahead. */
  pending: Set<Cancel>;
}

/** The MachineEvent of answers (machines.md section 5.2). */
export interface EventView {
  id: string;
  name: string;
  state: EventState;
  machineId: string | null;
  error: string | null;
  dtCreated: string;
  dtStarted: string | null;
  dtFinished: string | null;
}

export interface EventRecord extends EventView {
  seq: number;
  teamId: string;
  /** Monotonic. */
  createdAt: number;
}

/** other-resources.md, private-networks. */
export interface NetworkRecord extends Owned {
  name: string;
  region: string;
  /** Prefix and netmask, as in `10.64.1.0` and `255.255.255.0`. */
  network: string;
  netmask: string;
}

/** other-resources.md, snapshots. One that is deleted is taken out: the API has no field for it. */
export interface SnapshotRecord extends Owned {
  name: string;
  machineId: string;
  isAutoSnapshot: boolean;
  deleting: EventRecord | null;
}

/** other-resources.md, startup-scripts. */
export interface ScriptRecord extends Owned {
  name: string;
  /** Never answered, only shown on the control port. */
  script: string;
  isEnabled: boolean;
  isRunOnce: boolean;
  assignedMachineIds: string[];
}

/** other-resources.md, custom-templates. */
export interface TemplateRecord extends Owned {
  name: string;
  parentMachineId: string;
  /** The vendor's template at the root, which the operating system and the machine types come from. */
  osTemplateId: string;
  region: string;
  defaultSizeGb: number;
  /** False until its event is done. */
  isReady: boolean;
}

/** other-resources.md, projects. None comes from a repository here. */
export interface ProjectRecord extends Owned {
  name: string;
  tags: { id: number; seq: number; name: string; dtCreated: string }[];
  collaborators: { user: User; seq: number; dtCreated: string }[];
}

/**
 * other-resources.md, secrets: of a project, or of the whole team where projectId is null. Its id is for the simulator
 * alone, a client uses the name. One that is deleted is taken out: the API has no field for it.
 */
export interface SecretRecord extends Owned {
  projectId: string | null;
  name: string;
  /** Visible only to code of this process. */
  value: string;
  dtModified: string;
}

export const REGISTRY_KINDS = ["other", "dockerhub", "gcr", "ghcr", "digitalocean", "azure"] as const;

/** other-resources.md, container-registries: what create and update share. */
export interface RegistrySettings {
  name: string;
  namespace: string;
  url: string;
  username: string;
  /** Visible only to code of this process. */
  password: string;
  kind: (typeof REGISTRY_KINDS)[number];
}

/** One that is deleted is taken out: the API has no field for it. */
export interface RegistryRecord extends Owned {
  settings: RegistrySettings;
  /** What a test of the connection finds. */
  connection: { success: boolean; error?: string };
  dtModified: string;
}
