/**
 * What must hold of every choice, whatever is known: sentences, each with what it asks of a view and of what was chosen
 * in it. They are written against the views alone, not against the code that chooses.
 */
import { isDeepStrictEqual } from "node:util";
import { hashOf, leavesOf } from "../../../src/kinds/deployment/compare.ts";
import { decideDeployment } from "../../../src/kinds/deployment/decide.ts";
import type {
  DeploymentDecision,
  DeploymentObservation,
  DesiredTarget,
} from "../../../src/kinds/deployment/observation.ts";
import { readConfig } from "../../../src/kinds/deployment/stored-config.ts";
import type { Rollout } from "../../../src/kinds/deployment/types.ts";
import { TEAM } from "./situations.ts";

export const WRITES = ["create", "deploy", "delete", "putSecret", "dropSecret", "handle"] as const;

type Step = DeploymentDecision["step"];
type Deploy = Extract<Step, { do: "deploy" }>;

/** Undefined where the law does not speak of such a choice. */
type Holds = (observation: DeploymentObservation, decision: DeploymentDecision) => boolean | undefined;

export const LAWS: Readonly<Record<string, Holds>> = {
  "nothing is written without the finalizer": written(({ finalizer }) => finalizer),
  "nothing is written while halted": written(({ halted }) => !halted),
  "nothing is written without the right account": written(({ account, identity }) => {
    return account.state === "valid" && (account.team === TEAM || identity.state !== "ours");
  }),
  "nothing is written where it is at odds what is owned": written(({ identity, deleting }, { step }) => {
    if (identity.state === "ours") return deleting || identity.contradicted === undefined;
    // Secrets that were put before anything was owned are the object's own, whatever it wished to adopt.
    return identity.state === "none" || (identity.state === "adopt" && deleting && step.do === "dropSecret");
  }),
  "nothing is written beside an open attempt": written(({ attempt, identity }) => {
    return !attempt || identity.state === "ours";
  }),
  "nothing is written on knowledge that is known to be old": written(({ readError, identity }) => {
    return !readError || identity.state !== "ours";
  }),
  "nothing is begun for what is being deleted": of(
    ["create", "deploy", "putSecret", "handle"],
    ({ deleting }) => !deleting,
  ),
  "nothing is sent to what cannot be seen": of(
    ["deploy", "delete", "handle"],
    ({ resource }) => resource.state === "present",
  ),
  "nothing is sent of what is not known": of(
    ["create", "deploy", "putSecret"],
    ({ desired }) => desired.state === "known",
  ),

  "a create is for who owns nothing": of(["create"], ({ identity }) => identity.state === "none"),
  "never a create while anything of that name is known, or nobody has looked just now": of(
    ["create"],
    ({ siblings, conflict, blocked, limits }) =>
      siblings !== undefined &&
      siblings.ids.length === 0 &&
      siblings.ageMs <= limits.freshMs &&
      !conflict &&
      !blocked,
  ),
  "a create begins with nothing under way": of(["create"], (_view, { memory }) => !memory.operation),
  "what is sent finds its secrets": of(["create", "deploy"], (observation, { step }) => {
    const { secrets = [] } = step.do === "deploy" ? (step.rollback ? {} : step.target) : known(observation);
    return secrets.every((name) => observation.projectSecrets?.includes(name));
  }),
  "a secret is put once, and only where what is wished needs it": of(
    ["putSecret"],
    (observation, { step }) => {
      const name = "of" in step ? step.of : undefined;
      return (
        name !== undefined &&
        known(observation).secrets.includes(name) &&
        observation.projectSecrets?.includes(name) === false
      );
    },
  ),
  "no secret is taken away that something may still need": of(
    ["dropSecret"],
    (observation, { step, memory }) => {
      const name = ("of" in step && step.of) || "";
      if (!observation.memory.secrets.includes(name)) return false;
      if (observation.resource.state !== "present" || observation.identity.state === "none") return true;
      return ![
        ...known(observation).secrets,
        ...memory.history.flatMap(({ secrets = [] }) => secrets),
      ].includes(name);
    },
  ),

  "never a delete unless deleting, owned and under policy Delete": of(
    ["delete"],
    ({ deleting, identity, deletionPolicy }) =>
      deleting && identity.state === "ours" && deletionPolicy === "Delete",
  ),

  "never an upsert of what is shown already, under the name that it has": deploys(
    (observation, { target }) => {
      const latest = latestOf(observation);
      if (wantedSecret(observation)) return true;
      return (
        !latest ||
        nameOf(observation) !== observation.name ||
        contentOf(latest.data) !== target.hash ||
        !isReadable(latest.data)
      );
    },
  ),
  "never an upsert when the shown spec is the one we sent and means the same": deploys(
    (observation, { target }) => {
      const [head] = observation.memory.history;
      const latest = latestOf(observation);
      if (!latest || !head || nameOf(observation) !== observation.name || wantedSecret(observation))
        return true;
      return !(
        head.specId === latest.id &&
        head.hash === target.hash &&
        meansTheSame(latest.data, head, target)
      );
    },
  ),
  "no second upsert while the first may just not show yet": deploys((observation, { target }) => {
    const { memory, now, limits } = observation;
    const [head] = memory.history;
    if (!head || head.specId !== undefined || head.hash !== target.hash) return true;
    const young = now - Date.parse(head.sentAt) < limits.resendMs;
    return !young || !isOld(observation);
  }),
  "what failed is gone back from, not sent again, until it changes": deploys(
    (observation, { target, rollback }) => {
      const { rolledBack } = observation.memory;
      const standing =
        rolledBack?.hash === known(observation).hash && observation.spec.rollback === "OnFailure";
      return standing
        ? rollback && target.hash !== rolledBack.hash
        : !rollback && target.hash === known(observation).hash;
    },
  ),
  "a name is taken only where it was just seen to be free": deploys((observation) => {
    const { siblings, conflict, limits } = observation;
    if (nameOf(observation) === observation.name) return true;
    const id = observation.identity.state === "ours" ? observation.identity.record.id : "";
    const free = siblings?.ids.every((one) => one === id) && siblings.ageMs <= limits.freshMs;
    return free === true && (!conflict || conflict.owns);
  }),
  "an upsert says what it replaces": deploys(
    (observation, { replaces }) => replaces === latestOf(observation)?.id,
  ),

  "Ready only on the declared configuration, applied, under its name": done((observation, { memory }) => {
    const latest = latestOf(observation);
    const [head] = memory.history;
    if (!latest?.externalApplied || !head || observation.deleting || nameOf(observation) !== observation.name)
      return false;
    return (
      head.specId === latest.id &&
      head.hash === known(observation).hash &&
      meansTheSame(latest.data, head, known(observation))
    );
  }),
  "never Ready on a spec of before our upsert": done((observation) => {
    const [head, ...older] = observation.memory.history;
    const young = head && observation.now - Date.parse(head.sentAt) < observation.limits.resendMs;
    if (!young || head.specId !== undefined || head.hash !== known(observation).hash) return true;
    const id = latestOf(observation)?.id;
    return !older.some(({ specId }) => specId === id && specId !== head.replaces);
  }),
  "never Ready after going back": done((_view, { memory }) => !memory.rolledBack),
  "healthy only where Paperspace says so and the instances do not gainsay it": done(
    (observation, decision) => {
      const { config } = known(observation);
      if (reasonOf(decision) === "Disabled")
        return (!config.enabled || config.resources.replicas === 0) && !observation.runs?.list.length;
      const [run] = observation.runs?.list ?? [];
      return (
        !!latestOf(observation)?.dtHealthy &&
        config.enabled &&
        (!observation.runs || (run !== undefined && run.ready >= run.replicas))
      );
    },
  ),
  "the first time healthy on a look of now": done((observation) => {
    const [head] = observation.memory.history;
    const before =
      head && head.specId === latestOf(observation)?.id && ["Healthy", "Disabled"].includes(head.outcome);
    return before || (observation.runs !== undefined && observation.runs.ageMs < observation.limits.lookMs);
  }),

  "whoever rests says when it goes on": (_view, { step }) => {
    if (step.do !== "none") return undefined;
    const { outcome } = step;
    if (outcome.kind === "RequeueAfter") return Number.isFinite(outcome.afterMs) && outcome.afterMs >= 0;
    return !("recheckMs" in outcome) || outcome.recheckMs > 0;
  },
  "whoever knows too little asks, or waits for who looks anyway": (observation, { step, needs = [] }) => {
    if (step.do !== "none" || step.outcome.kind !== "Unknown") return undefined;
    return (
      needs.length > 0 || observation.resource.state === "unknown" || observation.desired.state === "unknown"
    );
  },
  "at most ten configurations are remembered": (_view, { memory }) => memory.history.length <= 10,
  "what was healthy once is not forgotten by a pass that only looks": (observation, { step, memory }) => {
    if (
      step.do !== "none" ||
      observation.resource.state !== "present" ||
      observation.identity.state !== "ours"
    )
      return undefined;
    const ids = new Set(memory.history.map(({ specId }) => specId));
    return observation.memory.history.every(({ specId }) => specId === undefined || ids.has(specId));
  },
  "the same is chosen of the same, and with what was chosen remembered nothing new is remembered": (
    observation,
    decision,
  ) => {
    if (decision.step.do !== "none" || decision.step.outcome.kind === "Unknown") return undefined;
    const again = decideDeployment({ ...observation, memory: decision.memory });
    if (again.step.do !== "none") return reasonOf(decision) === "RolledBack";
    return reasonOf(decision) === "RolledBack" || isDeepStrictEqual(again.memory, decision.memory);
  },
};

function written(
  holds: (observation: DeploymentObservation, decision: DeploymentDecision) => boolean,
): Holds {
  return of(WRITES, holds);
}

function of(
  steps: readonly string[],
  holds: (observation: DeploymentObservation, decision: DeploymentDecision) => boolean,
): Holds {
  return (observation, decision) =>
    steps.includes(decision.step.do) ? holds(observation, decision) : undefined;
}

function deploys(holds: (observation: DeploymentObservation, step: Deploy) => boolean): Holds {
  return (observation, { step }) => (step.do === "deploy" ? holds(observation, step) : undefined);
}

function done(holds: (observation: DeploymentObservation, decision: DeploymentDecision) => boolean): Holds {
  return (observation, decision) => {
    const { step } = decision;
    return step.do === "none" && step.outcome.kind === "Done" ? holds(observation, decision) : undefined;
  };
}

function known({ desired }: DeploymentObservation): DesiredTarget {
  if (desired.state !== "known") throw new Error("it is not known what is wanted");
  return desired;
}

function latestOf({ resource }: DeploymentObservation) {
  return resource.state === "present" ? resource.deployment.latestSpec : undefined;
}

/** It was rejected, and a project secret that it names was put back since: that is a reason to send it once more. */
function wantedSecret(observation: DeploymentObservation): boolean {
  const latest = latestOf(observation);
  const [head] = observation.memory.history;
  const isRejected = !!latest?.error && !latest.externalApplied;
  return isRejected && head?.outcome === "Superseded" && known(observation).secrets.length > 0;
}

function nameOf({ resource }: DeploymentObservation): string | undefined {
  return resource.state === "present" ? resource.deployment.name : undefined;
}

/** What is shown was there before, or when, something was sent last. */
function isOld(observation: DeploymentObservation): boolean {
  const id = latestOf(observation)?.id;
  return (
    id === undefined ||
    observation.memory.history.some(({ specId, replaces }) => id === specId || id === replaces)
  );
}

const HASHES = new WeakMap<object, string>();

/** Hash of a stored configuration; undefined where it cannot be read. */
function contentOf(data: unknown): string | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const before = HASHES.get(data);
  if (before !== undefined) return before;
  const config = readConfig(data);
  if (!config) return undefined;
  const hash = hashOf(leavesOf(config));
  HASHES.set(data, hash);
  return hash;
}

function isReadable(data: unknown): boolean {
  return contentOf(data) !== undefined;
}

/** As it was sent, but for what Paperspace is known to have filled in. One that cannot be read is known by its id. */
function meansTheSame(
  data: unknown,
  { filled = [] }: Rollout,
  { hash }: Pick<DesiredTarget, "hash">,
): boolean {
  const content = contentOf(data);
  if (content === undefined || content === hash) return true;
  const config = readConfig(data);
  if (!config) return true;
  const left = new Map([...leavesOf(config)].filter(([field]) => !filled.includes(field)));
  return hashOf(left) === hash;
}

function reasonOf({ step }: DeploymentDecision): string | undefined {
  return step.do === "none" && "reason" in step.outcome ? step.outcome.reason : undefined;
}
