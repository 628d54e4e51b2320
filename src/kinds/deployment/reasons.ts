/** Reasons of PaperspaceDeployment conditions and events, beside those that every kind shares. */
import { REASON as SHARED } from "../../reconcile/reasons.ts";

export const REASON = {
  ...SHARED,
  /** The rollout is healthy and its instances are ready. */
  Available: "Available",
  /** Switched off, as declared (enabled, or replicas 0). */
  Disabled: "Disabled",
  Disabling: "Disabling",
  /** A configuration is being sent. */
  Deploying: "Deploying",
  /** Paperspace has the configuration, its cluster has not applied it yet. */
  Pending: "Pending",
  /** The cluster has it, instances are coming up. */
  Progressing: "Progressing",
  /** The instances were not read for two resyncs: the message has the error. */
  NotObserved: "NotObserved",
  /** Enough instances serve, and their number is being changed. */
  Scaling: "Scaling",
  /** The instances wait for hardware. */
  WaitingForCapacity: "WaitingForCapacity",
  /** Each candidate of the placement came to nothing; they are tried again by themselves. */
  CapacityUnavailable: "CapacityUnavailable",
  /** A candidate of the placement came to nothing: the next one is tried. */
  MovingOn: "MovingOn",
  /** Healthy once, and now fewer instances are ready than declared. */
  Degraded: "Degraded",
  /** The configuration could not be applied: see the message, correct the spec. */
  ConfigurationRejected: "ConfigurationRejected",
  /** The rollout missed progressDeadlineSeconds: see its instances and logs. */
  ProgressDeadlineExceeded: "ProgressDeadlineExceeded",
  /** The spec's configuration failed; the last healthy one runs. Correct the spec. */
  RolledBack: "RolledBack",
  /** A rollback was requested, and is not possible. */
  RollbackFailed: "RollbackFailed",
  /** The configuration was changed outside Kubernetes, and was put back. */
  DriftCorrected: "DriftCorrected",
  /** A Secret or a key in it that the spec names is missing: create it. */
  SecretNotFound: "SecretNotFound",
  /** A ConfigMap or a key in it that the spec names is missing: create it. */
  ConfigMapNotFound: "ConfigMapNotFound",
  /** A Secret with an API key is not handed on to containers: name another Secret. */
  ApiKeyReferenced: "ApiKeyReferenced",
  /** What others put into the account of the operator's own key is not used: give the namespace a key of its own. */
  SharedReferenceNotAllowed: "SharedReferenceNotAllowed",
  /** A value that Paperspace does not accept: see the message. */
  ValueInvalid: "ValueInvalid",
  /** The project already has a deployment of this name: adopt it, or choose another name. */
  AlreadyExists: "AlreadyExists",
  /** There is no such project in this team: correct projectId. */
  ProjectNotFound: "ProjectNotFound",
  /** An instance failed. */
  InstanceFailed: "InstanceFailed",
  RequestIgnored: "RequestIgnored",
} as const;
