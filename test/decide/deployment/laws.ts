/** What must hold of every decision on a deployment, and of what is remembered, whatever is observed. */
import { isDeepStrictEqual } from "node:util";
import { hashOf, leavesOf, templateOf } from "../../../src/kinds/deployment/compare.ts";
import { decideDeployment } from "../../../src/kinds/deployment/decide.ts";
import type {
  DeploymentDecision,
  DeploymentObservation,
  DesiredTarget,
} from "../../../src/kinds/deployment/observation.ts";
import { isOff } from "../../../src/kinds/deployment/rollout.ts";
import { readConfig } from "../../../src/kinds/deployment/stored-config.ts";
import type { Rollout } from "../../../src/kinds/deployment/types.ts";
import { type Law, lawsOf } from "../engine/law.ts";
import { ofManaged, restrictionLaws } from "../engine/restriction-laws.ts";
import { isScaled, NUMBER_LAWS } from "./number-laws.ts";
import { PLACEMENT_LAWS } from "./placement-laws.ts";
import { TEAM } from "./situations.ts";

export const WRITES = [
  "create",
  "deploy",
  "delete",
  "deleteStray",
  "putSecret",
  "dropSecret",
  "handle",
] as const;

const law = lawsOf<DeploymentObservation, DeploymentDecision>();

const STEPS = [
  ...WRITES,
  ...["addFinalizer", "release", "restoreRecord", "recordOwnership", "disown", "closeAttempt", "adopt"],
] as const;

type DeploymentLaw = Law<DeploymentObservation, DeploymentDecision>;

const OF_MANAGED: readonly DeploymentLaw[] = [
  law(WRITES, "nothing is written without the finalizer", ({ finalizer }) => finalizer),
  law(WRITES, "nothing is written while halted", ({ halted }) => !halted),
  law(WRITES, "nothing is written without the right account", ({ account, identity }) => {
    return account.state === "valid" && (account.team === TEAM || identity.state !== "ours");
  }),
  law(WRITES, "nothing is written where what is owned is contradicted", ({ identity, deleting }, step) => {
    if (identity.state === "ours") return deleting || identity.contradicted === undefined;
    // Secrets that were put before anything was owned are the object's own, whatever it was to adopt.
    return identity.state === "none" || (identity.state === "adopt" && deleting && step.do === "dropSecret");
  }),
  law(WRITES, "nothing is written beside an open attempt", ({ attempt, identity }) => {
    return !attempt || identity.state === "ours";
  }),
  law(WRITES, "nothing is written on facts that are known to be stale", ({ readError, identity }) => {
    return !readError || identity.state !== "ours";
  }),
  law(
    ["create", "deploy", "putSecret", "handle"],
    "nothing is begun for what is being deleted",
    ({ deleting }) => !deleting,
  ),
  law(
    ["deploy", "delete", "handle"],
    "nothing is sent to what cannot be seen",
    ({ resource }) => resource.state === "present",
  ),
  law(
    ["create", "deploy", "putSecret"],
    "nothing is sent of what is not known",
    ({ desired }) => desired.state === "known",
  ),

  law(["create"], "a create is for an object that owns nothing", ({ identity }) => identity.state === "none"),
  law(
    ["create"],
    "never a create while anything of that name is known, or the list is not fresh",
    ({ siblings, conflict, blocked, limits }) =>
      siblings !== undefined &&
      siblings.ids.length === 0 &&
      siblings.ageMs <= limits.freshMs &&
      !conflict &&
      !blocked,
  ),
  law(["create"], "a create begins with nothing under way", (_observation, _step, { memory }) => {
    return !memory.operation;
  }),
  law(["create", "deploy"], "what is sent finds its secrets", (observation, step) => {
    const { secrets = [] } =
      step.do === "deploy" ? (step.rollback ? {} : step.target) : declaredTarget(observation);
    return secrets.every((name) => observation.projectSecrets?.includes(name));
  }),
  law(
    ["putSecret"],
    "a secret is put once, and only where what is declared needs it",
    (observation, { of }) => {
      return (
        declaredTarget(observation).secrets.includes(of) && observation.projectSecrets?.includes(of) === false
      );
    },
  ),
  law(
    ["dropSecret"],
    "no secret is removed that something may still need",
    (observation, { of }, { memory }) => {
      if (!observation.memory.secrets.includes(of)) return false;
      if (observation.resource.state !== "present" || observation.identity.state === "none") return true;
      const remembered = memory.history.flatMap(({ secrets = [] }) => secrets);
      return ![...declaredTarget(observation).secrets, ...remembered].includes(of);
    },
  ),

  law(
    ["delete"],
    "never a delete unless deleting, owned and under policy Delete",
    ({ deleting, identity, deletionPolicy }) =>
      deleting && identity.state === "ours" && deletionPolicy === "Delete",
  ),

  law(
    ["deleteStray"],
    "only a stray that is noted is deleted, and nothing that an object owns",
    ({ memory: { operation }, identity, conflict }, { of, mark }) =>
      operation?.intent === "DeleteStray" &&
      operation.target === of &&
      operation.mark === mark &&
      identity.state === "ours" &&
      identity.record.id !== of &&
      !conflict?.owns,
  ),
  law(
    {
      choices: [...STEPS, "none"],
      when: ({ memory: { operation }, identity, conflict, ownedBy }) =>
        operation?.intent === "DeleteStray" &&
        identity.state === "ours" &&
        !conflict?.owns &&
        ownedBy === undefined,
    },
    "the note of a stray is not lost, and it goes before anything else does",
    (observation, { do: chosen }, { memory }) =>
      memory.operation === observation.memory.operation &&
      !["create", "deploy", "delete", "disown", "release"].includes(chosen),
  ),

  law(
    { choices: ["deploy"], when: (observation) => !wantedSecret(observation) },
    "never an upsert of what is shown already, under the name that it has",
    (observation, { target }) => {
      const latest = latestOf(observation);
      return (
        !latest ||
        nameOf(observation) !== observation.name ||
        contentOf(latest.data) !== target.hash ||
        !isReadable(latest.data)
      );
    },
  ),
  law(
    {
      choices: ["deploy"],
      when: (observation) =>
        nameOf(observation) === observation.name &&
        isShown(observation.memory.history[0], observation) &&
        !wantedSecret(observation),
    },
    "never an upsert when the shown spec is the one we sent and means the same",
    (observation, { target }) => {
      const [head] = observation.memory.history;
      const latest = latestOf(observation);
      return !head || head.hash !== target.hash || !meansTheSame(latest?.data, head, target);
    },
  ),
  law(
    { choices: ["deploy"], when: ({ memory: { history } }, { target }) => isUnseen(history[0], target) },
    "no second upsert while the first may just not show yet",
    (observation) => {
      const { memory, now, limits } = observation;
      const { sentAt = "", answeredAt } = memory.history[0] ?? {};
      // One that was answered is there, however late it shows.
      const mostMs = answeredAt === undefined ? limits.resendMs : limits.settleMs;
      return now - Date.parse(answeredAt ?? sentAt) >= mostMs || !isOld(observation);
    },
  ),
  law(
    ["deploy"],
    "what failed is gone back from, not sent again, until it changes",
    (observation, { target, rollback }) => {
      const standing =
        isStanding(observation) &&
        observation.spec.rollback === "OnFailure" &&
        !isOff(declaredTarget(observation));
      return standing
        ? rollback && target.template !== declaredTarget(observation).template
        : !rollback && target.hash === declaredTarget(observation).hash;
    },
  ),
  law(
    { choices: ["deploy"], when: (observation) => nameOf(observation) !== observation.name },
    "a name is taken only where it was just seen to be free",
    ({ siblings, conflict, limits, identity }) => {
      const id = identity.state === "ours" ? identity.record.id : "";
      const free = siblings?.ids.every((one) => one === id) && siblings.ageMs <= limits.freshMs;
      return free === true && (!conflict || conflict.owns);
    },
  ),
  law(["deploy"], "an upsert records what it replaces", (observation, { replaces }) => {
    return replaces === latestOf(observation)?.id;
  }),

  law(
    ["Done"],
    "Ready only on the declared configuration, applied, under its name",
    (observation, _step, { memory }) => {
      const latest = latestOf(observation);
      const [head] = memory.history;
      const isApplied = !!latest?.externalApplied || wasHealthy(observation);
      if (!latest || !isApplied || !head || observation.deleting) return false;
      return (
        nameOf(observation) === observation.name &&
        head.specId === latest.id &&
        head.hash === declaredTarget(observation).hash &&
        meansTheSame(latest.data, head, declaredTarget(observation))
      );
    },
  ),
  law(
    {
      choices: ["Done"],
      when: (observation) => isUnseen(observation.memory.history[0], declaredTarget(observation)),
    },
    "never Ready on a spec of before our upsert",
    (observation) => {
      const [head, ...older] = observation.memory.history;
      const young = head && observation.now - Date.parse(head.sentAt) < observation.limits.resendMs;
      const id = latestOf(observation)?.id;
      return !young || !older.some(({ specId }) => specId === id && specId !== head.replaces);
    },
  ),
  law(["Done"], "never Ready after going back, but switched off", (observation, _step, { memory }) => {
    return !memory.rolledBack || isOff(declaredTarget(observation));
  }),
  law(
    ["Done"],
    "healthy only where Paperspace reports it and the instances do not contradict it",
    (observation, { outcome }, { memory }) => {
      const { config } = declaredTarget(observation);
      if (outcome.reason === "Disabled")
        return (!config.enabled || config.resources.replicas === 0) && !observation.runs?.list.length;
      const { runs } = observation;
      return (
        (!!latestOf(observation)?.dtHealthy || isScaled(memory.history) || wasHealthy(observation)) &&
        config.enabled &&
        (!runs || runs.list.some(({ ready }) => ready >= config.resources.replicas))
      );
    },
  ),
  ...NUMBER_LAWS,
  ...PLACEMENT_LAWS,
  law(
    {
      choices: ["Done"],
      when: (observation) => {
        const [head] = observation.memory.history;
        const isSettled = head !== undefined && ["Healthy", "Disabled"].includes(head.outcome);
        return !(isSettled && isShown(head, observation));
      },
    },
    "the first time healthy on instances that were read just now",
    ({ runs, limits }) => runs !== undefined && runs.ageMs < limits.lookMs,
  ),

  law(
    {
      choices: ["Done"],
      when: (observation) =>
        wasHealthy(observation) && observation.memory.history[0]?.hash === declaredTarget(observation).hash,
    },
    "what Paperspace does not show any more is no answer: it takes Ready from nothing that was healthy",
    (observation) => {
      const { resource } = observation;
      if (resource.state !== "present" || !resource.deployment.latestSpec) return false;
      const { externalApplied: _applied, dtHealthy: _marked, ...latestSpec } = resource.deployment.latestSpec;
      const deployment = { ...resource.deployment, latestSpec };
      const { step } = decideDeployment({ ...observation, resource: { state: "present", deployment } });
      return step.do === "none" && step.outcome.kind === "Done";
    },
  ),

  law(["none"], "every outcome gives the time of the next pass", (_observation, { outcome }) => {
    if (outcome.kind === "RequeueAfter") return Number.isFinite(outcome.afterMs) && outcome.afterMs >= 0;
    return !("recheckMs" in outcome) || outcome.recheckMs > 0;
  }),
  law(
    ["Unknown"],
    "where facts are missing they are fetched, or read anyway",
    ({ resource, desired, account }, _step, { needs = [] }) =>
      needs.length > 0 ||
      resource.state === "unknown" ||
      desired.state === "unknown" ||
      account.state === "pending",
  ),
  law(
    [...STEPS, "none"],
    "at most ten configurations are remembered",
    (_observation, _step, { memory }) => memory.history.length <= 10,
  ),
  law(
    {
      choices: ["none"],
      when: ({ resource, identity }) => resource.state === "present" && identity.state === "ours",
    },
    "what was healthy once is not forgotten by a pass without a step",
    (observation, _step, { memory }) => {
      const ids = new Set(
        memory.history.flatMap(({ specId, earlier = [] }) => [specId, ...earlier.map((one) => one.specId)]),
      );
      return observation.memory.history.every(({ specId }) => specId === undefined || ids.has(specId));
    },
  ),
  law(
    { choices: ["none"], when: (_observation, { outcome }) => outcome.kind !== "Unknown" },
    "the same is chosen of the same, and with what was chosen remembered nothing new is remembered",
    (observation, { outcome }, decision) => {
      if ("reason" in outcome && outcome.reason === "RolledBack") return true;
      // The next pass observes what is declared by the candidate that was chosen.
      if (decision.memory.placement?.chosen !== observation.memory.placement?.chosen) return true;
      const again = decideDeployment({ ...observation, memory: decision.memory });
      return again.step.do === "none" && isDeepStrictEqual(again.memory, decision.memory);
    },
  ),
];

export const LAWS: readonly DeploymentLaw[] = [
  ...restrictionLaws<DeploymentObservation, DeploymentDecision>(WRITES),
  law(
    { choices: ["Done"], when: ({ observes }, { outcome }) => observes === true && outcome.ready !== false },
    "what is only observed is Ready only where its own configuration serves, or is off as declared",
    ({ resource, runs, desired }) => {
      const latest = resource.state === "present" ? resource.deployment.latestSpec : undefined;
      const config = readConfig(latest?.data);
      if (!latest || !config) return false;
      if (isOff({ config })) return desired.state === "known" && isOff(desired) && runs?.list.length === 0;
      return runs?.list.some(({ ready }) => ready >= config.resources.replicas) === true;
    },
  ),
  ...ofManaged(OF_MANAGED),
];

/** What failed is what is declared, with whatever number of instances. */
function isStanding(observation: DeploymentObservation): boolean {
  const { rolledBack } = observation.memory;
  const { hash, template } = declaredTarget(observation);
  return rolledBack?.failed ? rolledBack.failed.template === template : rolledBack?.hash === hash;
}

function declaredTarget({ desired }: DeploymentObservation): DesiredTarget {
  if (desired.state !== "known") throw new Error("what is declared is not known");
  return desired;
}

function latestOf({ resource }: DeploymentObservation) {
  return resource.state === "present" ? resource.deployment.latestSpec : undefined;
}

/** What is shown was seen healthy before, or off. */
function wasHealthy(observation: DeploymentObservation): boolean {
  const [head] = observation.memory.history;
  const outcome = isOff(declaredTarget(observation)) ? "Disabled" : "Healthy";
  return isShown(head, observation) && head?.outcome === outcome;
}

/** It was rejected, and a project secret that it names was put back since: that is a reason to send it once more. */
function wantedSecret(observation: DeploymentObservation): boolean {
  const latest = latestOf(observation);
  const [head] = observation.memory.history;
  const isRejected = !!latest?.error && !latest.externalApplied;
  return isRejected && head?.outcome === "Superseded" && declaredTarget(observation).secrets.length > 0;
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

/** This is what Paperspace shows. */
function isShown(rollout: Rollout | undefined, observation: DeploymentObservation): boolean {
  const latest = latestOf(observation);
  return !!latest && rollout?.specId === latest.id;
}

/** This very configuration was sent, and has not been seen yet. */
function isUnseen(rollout: Rollout | undefined, { hash }: Pick<DesiredTarget, "hash">): boolean {
  return rollout !== undefined && rollout.specId === undefined && rollout.hash === hash;
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

/**
 * As it was sent, but for what Paperspace is known to have filled in, and for a number that its autoscaler chose. One that
 * cannot be read is known by its id; two that are switched off differ in no number.
 */
function meansTheSame(
  data: unknown,
  { filled = [] }: Rollout,
  target: Pick<DesiredTarget, "config" | "hash" | "template">,
): boolean {
  const content = contentOf(data);
  if (content === undefined || content === target.hash) return true;
  const config = readConfig(data);
  if (!config) return true;
  const left = new Map([...leavesOf(config)].filter(([field]) => !filled.includes(field)));
  if (isOff(target) && isOff({ config })) return templateOf(left) === target.template;
  const { autoscaling, replicas } = target.config.resources;
  const { replicas: shown } = config.resources;
  if (autoscaling?.enabled && shown >= replicas && shown <= autoscaling.maxReplicas)
    left.set("replicas", replicas);
  return hashOf(left) === target.hash;
}
