/** The pure part of the deployment's contract: its phases, what a create leads to, its status and Events. */
import type { Policy } from "../../reconcile/kind.ts";
import { deploymentPhases } from "./decide.ts";
import type { DeploymentTypes } from "./observation.ts";
import { refusedCandidate } from "./placement/creation.ts";
import { gitOriginOf, pushed } from "./rollout.ts";
import { deploymentEventNotes, deploymentStatus } from "./status.ts";
import { entryOf } from "./steps.ts";
import { projectOf } from "./types.ts";

export const deploymentPolicy: Policy<DeploymentTypes> = {
  phases: deploymentPhases,
  /** Another configuration than was sent last puts nothing back: the value of a Secret was rotated, or a ConfigMap edited. */
  fields(step, { memory }) {
    if (step.do !== "deploy") return [];
    const [head] = memory.history;
    return head && head.hash !== step.of ? [] : step.changes.map(({ field }) => field);
  },
  /** An upsert goes by project and name, which may be shared: the mark is the hash of what is sent. */
  attemptName: ({ desired, name, projectId }) => ({
    name: createName(projectId, name),
    ...(desired.state === "known" && { mark: desired.hash }),
  }),
  createdAs: (name, object) => createName(projectOf(object), name),
  expectCreate({ memory, desired, spec }, { object }, attempt) {
    if (desired.state !== "known") throw new Error("a create needs its configuration");
    const entry = entryOf(
      { target: desired, rollback: false, ...gitOriginOf(spec) },
      object.metadata.generation ?? 0,
      Date.parse(attempt.time),
    );
    return {
      deadlineMs: spec.progressDeadlineSeconds * 1000,
      memory: { ...memory, history: pushed(memory.history, entry) },
    };
  },
  createRefused: ({ now }, memory, failure) => refusedCandidate(memory, failure, now),
  status: (observation, outcome, context) =>
    deploymentStatus(observation, observation.memory, outcome, context),
  events: deploymentEventNotes,
};

/** An upsert goes by both. */
function createName(projectId: string, name: string): string {
  return `${projectId}/${name}`;
}
