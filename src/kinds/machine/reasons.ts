/** Reasons of PaperspaceMachine conditions and events, beside those that every kind shares. */
import { REASON as SHARED } from "../../reconcile/reasons.ts";

export const REASON = {
  ...SHARED,
  /** On, with services and agent up. */
  Available: "Available",
  /** Off, as asked. */
  Stopped: "Stopped",
  /** Shut itself down as allowed: set powerState to Stopped and back to Running to start it again. */
  AutoShutdown: "AutoShutdown",
  Starting: "Starting",
  Stopping: "Stopping",
  /** Services run, the Paperspace agent does not answer yet. */
  WaitingForAgent: "WaitingForAgent",
  /** Somebody else (the console, Paperspace itself) is changing it. */
  ChangingElsewhere: "ChangingElsewhere",
  Updating: "Updating",
  /** Somebody keeps undoing what the spec says: take the field out of the spec, or stop the other side. */
  Contended: "Contended",
  CreateFailed: "CreateFailed",
  StartFailed: "StartFailed",
  StopFailed: "StopFailed",
  DeleteFailed: "DeleteFailed",
  /** A transition took longer than its deadline: look at the machine in the console, or ask Paperspace. */
  TransitionTimedOut: "TransitionTimedOut",
  /** Still off long after its start: no hardware of this type is free in the region; tried again slowly. */
  CapacityUnavailable: "CapacityUnavailable",
  /** Not found just now; that alone proves nothing yet. */
  AbsenceUnconfirmed: "AbsenceUnconfirmed",
  /** Deleted in the console: delete this object, or make another. */
  ExternallyDeleted: "ExternallyDeleted",
  /** spec.adoptId names no machine of this team. */
  AdoptNotFound: "AdoptNotFound",
  /** The machine to adopt differs in what cannot be changed: correct the spec. */
  AdoptMismatch: "AdoptMismatch",
  Deleted: "Deleted",
} as const;
