/**
 * The switches of deployments, which are many: behaviour.ts puts them into one with all others. Only data lives here, and
 * the sections cited are those of deployments.md.
 */

import type { ErrorCode } from "./errors.ts";

/** Milliseconds at speed 1. No source has a figure for any of them; each is what a patient user would expect. */
export const DEPLOYMENT_TIMES = {
  /** From an upsert to externalApplied (section 6.1). */
  appliedMs: 4_000,
  /** From a new instance to `starting`; then it looks for a machine again and again where none is free. */
  instancePendingMs: 5_000,
  /** Of several new instances each is so much later than the one before, so that ready replicas grow one by one. */
  instanceStaggerMs: 1_000,
  /** From `starting` to `running`, or to an image that cannot be pulled. */
  instanceStartMs: 15_000,
  /** From `running` to ready, besides the initial delays of its health checks (section 3.2). */
  instanceReadyMs: 3_000,
  /** From enough ready replicas to dtHealthy. */
  healthyLagMs: 2_000,
  /** From a container's failure to its next start; twice as long each time, five minutes at most. */
  instanceRestartMs: 10_000,
  /** From the order to the end of an instance. */
  instanceStopMs: 10_000,
  /** From DELETE to 404 (section 5: not documented whether at once). Until then it is read as it was. */
  deploymentDeleteMs: 0,
  /** After an upsert reads still give the deployment as it was before, dtHealthy included (section 10.3, traps). */
  staleSpecMs: 0,
};

/** Section 2: "not documented (expect NOT_FOUND or FORBIDDEN)". */
export const DEPLOYMENT_CODES = {
  invalidProjectCode: "NOT_FOUND",
  /** deploymentId that nothing has. */
  unknownDeploymentCode: "NOT_FOUND",
  /** deploymentId of another project of the team. */
  otherProjectCode: "FORBIDDEN",
  /** A rename to the name that another deployment of the project has. */
  deploymentNameTakenCode: "CONFLICT",
} satisfies Record<string, ErrorCode>;

/** What may be chosen; the first is the default. */
export const DEPLOYMENT_CHOICES = {
  /** deploymentId that nothing has: an error, or as if none had been given (section 2: not documented). */
  unknownDeploymentId: ["error", "byName"],
  /** The same configuration once more: another spec, or nothing happens (section 2: not documented). */
  identicalConfig: ["newSpec", "sameSpec"],
  /** apiVersion v0alpha0 and v0alpha1 in an upsert: the vendor's schema has them (section 4), or BAD_REQUEST. */
  oldApiVersions: ["accept", "refuse"],
  /** Header sets without all six keys (section 6.2: not documented). */
  partialGitHeaders: ["stored", "dropped", "refused"],

  // Stored form (section 10.3, traps: "defaults possibly filled in, possibly another apiVersion spelling")

  /** Defaults of sections 3 and 3.2 appear in stored data, or only what was sent. */
  storedDefaults: ["filled", "asSent"],
  /** The key that health checks are stored under (section 3: both are spellings of one thing). */
  storedHealthChecks: ["asSent", "healthchecks"],
  /** `latest` stays so, or is stored as v1. */
  storedApiVersion: ["asSent", "v1"],
  /** basicAuthKey of a deployment: as in its configuration, or never shown (section 6: nullable). */
  basicAuthKeyShown: ["asConfigured", "null"],

  // Rollouts

  /**
   * Whether a spec that was applied gets a run of its own (section 8: silent). `template`: where more than the number
   * of replicas changed, as in Kubernetes; `always`: with every spec.
   */
  newRun: ["template", "always"],
  /** Instances that have ended, in a run that goes on: listed with dtFinished (section 8), or no longer there. */
  finishedInstances: ["listed", "gone"],
  /** dtHealthy of a spec that switches the deployment off (section 5: not documented). */
  disabledHealthy: ["unset", "set"],
  /** `secret:<name>` of no secret: a fatal error of the spec, or instances that do not start (not documented). */
  missingSecret: ["specError", "instanceError"],
  /** containerRegistry of no registry: the same (not documented). */
  missingRegistry: ["specError", "instanceError"],

  // Metrics (section 9: units and values not documented)

  /** What stands in `value`: figures, or a text that is none. */
  metricValues: ["numbers", "NaN", "empty", "+Inf"],
  /** Whether there are points at all: the documents' sample is an empty array. */
  metricPoints: ["some", "none"],
} as const;
