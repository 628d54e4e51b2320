/**
 * How the official tools judge a rollout (deployments.md section 10), rule by rule, and what this operator reports for
 * the same facts. Documented in docs/deployments.md, which is compared with it.
 */

import type { DeploymentSpec } from "../../../src/kinds/deployment/types.ts";
import {
  DEADLINE_MS,
  GOOD,
  MINUTE,
  NEW,
  OFF,
  type Particulars,
  type Reported,
  run,
  SECOND,
  type SpecProgress,
  seen,
  sent,
  stored,
} from "./situations.ts";

export interface Rule {
  /** As it is written there. */
  rule: string;
  /** What the official tool makes of it. */
  official: string;
  facts: Particulars;
  ours: Omit<Reported, "message">;
  /** What the message holds. */
  message?: string;
}

const BAD = { id: "i1", state: "errored", message: "CrashLoopBackOff" };
const NO_DATA = targetWithout(NEW);

/** A rollout that was sent so long ago and is shown this far. */
function rolling(
  progress: SpecProgress,
  { spec = NEW, ageMs = MINUTE, ...more }: Particulars & { ageMs?: number } = {},
): Particulars {
  const history = [
    sent(spec, { specId: "s2", replaces: "s1", ageMs }),
    sent(GOOD, { specId: "s1", outcome: "Healthy", ageMs: 24 * 60 * MINUTE }),
  ];
  return { spec, history, latest: stored("s2", spec, progress), runs: seen([run(0)]), ...more };
}

/** Stored without its number of replicas. */
function targetWithout(spec: DeploymentSpec) {
  const { data, ...rest } = stored("s2", spec);
  const { resources, ...config } = data as { resources: Record<string, unknown> };
  const { replicas: _left, ...others } = resources;
  return { ...rest, data: { ...config, resources: others } };
}

const failed = (reason: string) =>
  ({ ready: "False", reason, healthy: "False", progress: "Stalled" }) as const;
const goesOn = (reason: string) =>
  ({ ready: "False", reason, healthy: "False", progress: "Reconciling" }) as const;
const AVAILABLE = { ready: "True", reason: "Available", healthy: "True", progress: "-" } as const;
const DISABLED = { ready: "True", reason: "Disabled", healthy: "False", progress: "-" } as const;
const LATE = DEADLINE_MS + SECOND;
const NO_REPLICAS: DeploymentSpec = { ...NEW, replicas: 0 };

/** Section 10.1. */
const DEPLOY_ACTION: readonly Rule[] = [
  {
    rule: "not applied, and an error is set",
    official: "failed with that error",
    facts: rolling("rejected"),
    ours: failed("ConfigurationRejected"),
    message: "no such machine type",
  },
  {
    rule: "not applied, no error",
    official: "keeps polling",
    facts: rolling("pending"),
    ours: goesOn("Pending"),
  },
  {
    rule: "not applied, no error, the deadline has passed",
    official: "keeps polling without any deadline",
    facts: rolling("pending", { ageMs: LATE }),
    ours: failed("ProgressDeadlineExceeded"),
    message: "Paperspace has not applied it yet",
  },
  {
    rule: "applied, the deadline has passed",
    official: "failed",
    facts: rolling("applied", { ageMs: LATE }),
    ours: failed("ProgressDeadlineExceeded"),
    message: "not done by",
  },
  {
    rule: "applied, the deadline has passed, an instance is errored or failed",
    official: "failed with the message of that instance",
    facts: rolling("applied", {
      ageMs: LATE,
      runs: seen([run(0, 2, [{ id: "i0", state: "running" }, BAD])]),
    }),
    ours: failed("ProgressDeadlineExceeded"),
    message: "CrashLoopBackOff",
  },
  {
    rule: "applied, enabled is false, no runs",
    official: "success (disabled)",
    facts: rolling("applied", { spec: OFF, runs: seen([]) }),
    ours: DISABLED,
  },
  {
    rule: "applied, replicas is 0, no runs",
    official: "success (disabled)",
    facts: rolling("applied", { spec: NO_REPLICAS, runs: seen([]) }),
    ours: DISABLED,
  },
  {
    rule: "applied, switched off, runs are left",
    official: "keeps polling",
    facts: rolling("applied", { spec: OFF, runs: seen([run(1)]) }),
    ours: goesOn("Disabling"),
  },
  {
    rule: "applied, healthy",
    official: "success (healthy)",
    facts: rolling("healthy", { runs: seen([run(1)]) }),
    ours: AVAILABLE,
  },
  {
    rule: "applied, healthy, the deadline has passed",
    official: "failed: the time is checked first",
    facts: rolling("healthy", { ageMs: LATE, runs: seen([run(1)]) }),
    ours: AVAILABLE,
  },
  {
    rule: "applied, healthy for the first time, its instances are not ready",
    official: "success (healthy)",
    facts: rolling("healthy"),
    ours: goesOn("Progressing"),
    message: "0 of 1 instances are ready",
  },
  {
    rule: "applied, bad instances before the deadline",
    official: "ignored: containers may be retried",
    facts: rolling("applied", { runs: seen([run(0, 1, [BAD])]) }),
    ours: goesOn("Progressing"),
    message: "CrashLoopBackOff",
  },
  {
    rule: "applied, an error is set after that",
    official: "ignored",
    facts: rolling("applied, with an error"),
    ours: goesOn("Progressing"),
  },
  {
    rule: "applied, healthy, replicas is missing in what is stored",
    official: "success (healthy); disabled once there are no runs",
    facts: { ...rolling("healthy", { runs: seen([run(1)]) }), latest: NO_DATA },
    ours: AVAILABLE,
  },
];

/** Section 10.2. */
const CLI: readonly Rule[] = [
  {
    rule: "applied, enabled is false or replicas is 0, runs are left",
    official: "disabled, without looking at runs",
    facts: rolling("applied", { spec: OFF, runs: seen([run(1)]) }),
    ours: goesOn("Disabling"),
  },
  {
    rule: "applied, healthy, a run exists",
    official: "healthy",
    facts: rolling("healthy", { runs: seen([run(1)]) }),
    ours: AVAILABLE,
  },
  {
    rule: "applied, healthy, no run yet",
    official: "keeps polling",
    facts: rolling("healthy", { runs: seen([]) }),
    ours: goesOn("Progressing"),
  },
  {
    rule: "5 minutes passed, not all ready, an instance is errored or failed",
    official: "failed with the message of that instance",
    facts: rolling("applied", { ageMs: 6 * MINUTE, runs: seen([run(0, 1, [BAD])]) }),
    ours: goesOn("Progressing"),
    message: "CrashLoopBackOff",
  },
  {
    rule: "not applied, and an error is set",
    official: "keeps polling: the error is never looked at",
    facts: rolling("rejected"),
    ours: failed("ConfigurationRejected"),
  },
  {
    rule: "applied, nothing bad, not healthy for an hour",
    official: "keeps polling for ever",
    facts: rolling("applied", { ageMs: 60 * MINUTE }),
    ours: failed("ProgressDeadlineExceeded"),
  },
];

/** Section 10.3: what follows from both, and its traps. */
const DERIVED: readonly Rule[] = [
  {
    rule: "no configuration is shown",
    official: "unknown, or invalid configuration",
    facts: { spec: NEW, latest: null, history: [sent(NEW, { replaces: "s1", ageMs: MINUTE })] },
    ours: failed("ConfigurationRejected"),
  },
  {
    rule: "not applied, and an error is set",
    official: "failed (configuration)",
    facts: rolling("rejected"),
    ours: failed("ConfigurationRejected"),
  },
  { rule: "not applied", official: "pending", facts: rolling("pending"), ours: goesOn("Pending") },
  {
    rule: "applied, switched off, no runs",
    official: "disabled",
    facts: rolling("applied", { spec: OFF, runs: seen([]) }),
    ours: DISABLED,
  },
  {
    rule: "applied, switched off, runs are left",
    official: "disabling",
    facts: rolling("applied", { spec: OFF, runs: seen([run(1)]) }),
    ours: goesOn("Disabling"),
  },
  {
    rule: "applied, healthy, all instances ready",
    official: "healthy",
    facts: rolling("healthy", { runs: seen([run(2, 2)]) }),
    ours: AVAILABLE,
  },
  {
    rule: "applied, healthy before, fewer instances ready now",
    official: "degraded",
    facts: { spec: { ...GOOD, replicas: 2 }, runs: seen([run(1, 2)]) },
    ours: goesOn("Degraded"),
    message: "1 of 2 instances are ready",
  },
  {
    rule: "applied, not healthy, an instance is errored or failed",
    official: "progressing with failures",
    facts: rolling("applied", { runs: seen([run(0, 1, [BAD])]) }),
    ours: goesOn("Progressing"),
    message: "instance i1 is errored",
  },
  {
    rule: "the same, and the deadline has passed",
    official: "failed",
    facts: rolling("applied", { ageMs: LATE, runs: seen([run(0, 1, [BAD])]) }),
    ours: failed("ProgressDeadlineExceeded"),
    message: "instance i1 is errored",
  },
  {
    rule: "applied, not healthy",
    official: "progressing",
    facts: rolling("applied"),
    ours: goesOn("Progressing"),
  },
  {
    rule: "just sent, and the one before is still read, healthy",
    official: "a trap: this is no success",
    facts: {
      spec: NEW,
      latest: stored("s1", GOOD),
      history: [
        sent(NEW, { replaces: "s1", ageMs: 5 * SECOND }),
        sent(GOOD, { specId: "s1", outcome: "Healthy" }),
      ],
    },
    ours: goesOn("Deploying"),
  },
  {
    rule: "just sent, and Paperspace keeps the spec, since it is the same configuration",
    official: "healthy: the same content counts",
    facts: {
      spec: NEW,
      latest: stored("s1", NEW),
      history: [sent(NEW, { replaces: "s1", ageMs: 5 * SECOND })],
    },
    ours: AVAILABLE,
  },
];

/** By the section of the page on deployments, and the heading in docs/deployments.md. */
export const SECTIONS: readonly { section: string; heading: string; rules: readonly Rule[] }[] = [
  { section: "10.1", heading: "The official deploy action", rules: DEPLOY_ACTION },
  { section: "10.2", heading: "The official CLI", rules: CLI },
  { section: "10.3", heading: "What follows from both", rules: DERIVED },
];
