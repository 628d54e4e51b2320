/** A status as it would be written for a healthy deployment, except for what a test sets. */

import type { Instance } from "../../../src/kinds/deployment/api.ts";
import type { DeploymentMemory } from "../../../src/kinds/deployment/observation.ts";
import { REASON } from "../../../src/kinds/deployment/reasons.ts";
import { deploymentStatus } from "../../../src/kinds/deployment/status.ts";
import type { DeploymentStatus, PaperspaceDeployment } from "../../../src/kinds/deployment/types.ts";
import type { ReportedOutcome } from "../../../src/reconcile/outcome.ts";
import { NAME, type Particulars, RECORD, situation, TEAM, UID } from "./situations.ts";

export const DONE: ReportedOutcome = {
  kind: "Done",
  reason: REASON.Available,
  message: "the rollout is healthy",
};
export const WAITS: ReportedOutcome = {
  kind: "RequeueAfter",
  reason: REASON.Progressing,
  message: "it comes",
  afterMs: 1,
};
export const STALLED: ReportedOutcome = {
  kind: "Terminal",
  reason: REASON.ProgressDeadlineExceeded,
  message: "late",
  recheckMs: 1,
};
export const HALT = { reason: REASON.DryRun, message: "dry run" };
export const HALTS: ReportedOutcome = { kind: "Halted", ...HALT, recheckMs: 1 };

interface Given extends Particulars {
  outcome?: ReportedOutcome;
  /** What is remembered after the pass, where that is not what was before. */
  after?: Partial<DeploymentMemory>;
  before?: DeploymentStatus | undefined;
  owns?: boolean;
}

export function status({
  outcome = DONE,
  after,
  before,
  owns = true,
  ...more
}: Given = {}): DeploymentStatus {
  const observation = situation(more);
  const metadata = { name: NAME, namespace: "default", uid: UID, generation: observation.generation };
  const object: PaperspaceDeployment = {
    metadata,
    spec: observation.spec,
    ...(before && { status: before }),
  };
  const context = {
    key: `default/${NAME}`,
    object,
    account: { team: TEAM },
    ...(owns && { record: RECORD }),
  };
  return deploymentStatus(observation, { ...observation.memory, ...after }, outcome, context);
}

export function condition({ conditions = [] }: DeploymentStatus, type: string) {
  return conditions.find((one) => one.type === type);
}

export function instance(id: string, state = "running", message?: string): Instance {
  return { id, state, ...(message !== undefined && { message }), createdAt: "2026-06-01T00:00:00.000Z" };
}
