/** Reasons of PaperspaceMachine conditions and events, beside those that every kind shares. */
import { REASON as SHARED } from "../../reconcile/reasons.ts";

export const REASON = {
  ...SHARED,
  /** On, with services and agent up. */
  Available: "Available",
  /** Off, as declared. */
  Stopped: "Stopped",
  /** Off by its schedule; see the message for the next start. */
  ScheduledOff: "ScheduledOff",
  /** Off, since lifetime.stopAfter is over: start it by a request, or change the lifetime. */
  LifetimeStopped: "LifetimeStopped",
  /** The machine is near the end of its lifetime, and deleted then: see the message. */
  ExpiresSoon: "ExpiresSoon",
  /** The machine was deleted at the end of its lifetime: change the lifetime to have another one. */
  Expired: "Expired",
  /** The schedule cannot be read, and is not acted upon: correct it. */
  ScheduleInvalid: "ScheduleInvalid",
  /** Shut itself down as allowed: set powerState to Stopped and back to Running to start it again. */
  AutoShutdown: "AutoShutdown",
  Starting: "Starting",
  Stopping: "Stopping",
  /** Services run, the Paperspace agent does not answer yet. */
  WaitingForAgent: "WaitingForAgent",
  /** It was off when it was adopted, and is not started or resized before the object says so again: see the message. */
  HeldAsAdopted: "HeldAsAdopted",
  /** Another actor (in the console, or Paperspace itself) is changing it. */
  ChangingElsewhere: "ChangingElsewhere",
  Restarting: "Restarting",
  /** The hardware is being changed: machine type or disk. */
  Resizing: "Resizing",
  Updating: "Updating",
  /** A setting that was changed outside Kubernetes was put back. */
  DriftCorrected: "DriftCorrected",
  /** Machine type or disk differ and the machine is on: stop it (powerState), or set resizePolicy to StopAndResize. */
  ResizeNeedsStop: "ResizeNeedsStop",
  /** The API refused the new machine type or disk size: correct the spec, or put the old value back. */
  ResizeRefused: "ResizeRefused",
  /** The snapshot before a resize is being taken. */
  Snapshotting: "Snapshotting",
  /** The snapshot before a resize failed, and nothing was resized: see the message, or set snapshotBeforeResize to false. */
  SnapshotFailed: "SnapshotFailed",
  /** It is not known whether the snapshot before a resize is done, and nothing was resized: look in the Paperspace console. */
  SnapshotUnconfirmed: "SnapshotUnconfirmed",
  /** The disk is larger than declared, and a disk cannot shrink: set diskSize to what it is. */
  DiskCannotShrink: "DiskCannotShrink",
  /** An accessor is no member of the team: invite the user, or correct the spec. */
  AccessorNotFound: "AccessorNotFound",
  /** The machine has no desktop: remove desktopSecretRef, or use another template. */
  NoDesktop: "NoDesktop",
  /** A Secret of that name exists and is not ours: choose another name, or delete it. */
  DesktopSecretTaken: "DesktopSecretTaken",
  /** The operator's role does not let it write that Secret: see the chart's values. */
  DesktopSecretForbidden: "DesktopSecretForbidden",
  /** No hardware of the type is free in the region just now; checked again. */
  WaitingForCapacity: "WaitingForCapacity",
  CapacityAvailable: "CapacityAvailable",
  /** A candidate of the placement was refused or got no hardware, and the next one is tried. */
  MovingOn: "MovingOn",
  /** Each candidate of the placement, or the machine itself, costs more by the hour than placement.maxHourlyRate. */
  RateExceeded: "RateExceeded",
  /** The team's machine quota is used up: delete a machine, or request a larger quota from Paperspace. */
  QuotaExceeded: "QuotaExceeded",
  /** Paperspace requires something first, such as a payment method: see the message. */
  AccountNotInGoodStanding: "AccountNotInGoodStanding",
  /** A static address stays in the account and is billed: release it there, or set publicIpReleasePolicy. */
  AddressKept: "AddressKept",
  AddressReleased: "AddressReleased",
  /** A request by annotation with nothing to do. */
  RequestIgnored: "RequestIgnored",
  /** A machine that no object records: delete it in the console, or adopt it. */
  MachineLeaked: "MachineLeaked",
  CreateFailed: "CreateFailed",
  StartFailed: "StartFailed",
  StopFailed: "StopFailed",
  RestartFailed: "RestartFailed",
  UpdateFailed: "UpdateFailed",
  DeleteFailed: "DeleteFailed",
  /** No hardware of this type was free in the region until the deadline; retried slowly. */
  CapacityUnavailable: "CapacityUnavailable",
} as const;
