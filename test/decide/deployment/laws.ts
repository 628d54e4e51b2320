/**
 * What must hold of every choice, whatever is known: sentences, each with what it asks of a view and of what was chosen
 * in it. They are written against the views alone, not against the code that chooses.
 */
import { isDeepStrictEqual } from "node:util";
import { hashOf, leavesOf } from "../../../src/kinds/deployment/compare.ts";
import { decide } from "../../../src/kinds/deployment/decide.ts";
import type { Choice, DeploymentView, Known } from "../../../src/kinds/deployment/observation.ts";
import { readConfig } from "../../../src/kinds/deployment/stored-config.ts";
import type { Rollout } from "../../../src/kinds/deployment/types.ts";
import { TEAM } from "./situations.ts";

export const WRITES = ["create", "deploy", "delete", "putSecret", "dropSecret", "handle"] as const;

type Step = Choice["step"];
type Deploy = Extract<Step, { do: "deploy" }>;

/** Undefined where the law does not speak of such a choice. */
type Holds = (view: DeploymentView, choice: Choice) => boolean | undefined;

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
  "nothing is written on knowledge that is known to be old": written(({ trouble, identity }) => {
    return !trouble || identity.state !== "ours";
  }),
  "nothing is begun for what is being deleted": of(
    ["create", "deploy", "putSecret", "handle"],
    ({ deleting }) => !deleting,
  ),
  "nothing is sent to what cannot be seen": of(
    ["deploy", "delete", "handle"],
    ({ sighting }) => sighting.state === "present",
  ),
  "nothing is sent of what is not known": of(
    ["create", "deploy", "putSecret"],
    ({ wanted }) => wanted.state === "known",
  ),

  "a create is for who owns nothing": of(["create"], ({ identity }) => identity.state === "none"),
  "never a create while anything of that name is known, or nobody has looked just now": of(
    ["create"],
    ({ siblings, rival, blocked, limits }) =>
      siblings !== undefined &&
      siblings.ids.length === 0 &&
      siblings.ageMs <= limits.freshMs &&
      !rival &&
      !blocked,
  ),
  "a create begins with nothing under way": of(["create"], (_view, { memory }) => !memory.operation),
  "what is sent finds its secrets": of(["create", "deploy"], (view, { step }) => {
    const { secrets = [] } = step.do === "deploy" ? (step.rollback ? {} : step.target) : known(view);
    return secrets.every((name) => view.projectSecrets?.includes(name));
  }),
  "a secret is put once, and only where what is wished needs it": of(["putSecret"], (view, { step }) => {
    const name = "of" in step ? step.of : undefined;
    return (
      name !== undefined &&
      known(view).secrets.includes(name) &&
      view.projectSecrets?.includes(name) === false
    );
  }),
  "no secret is taken away that something may still need": of(["dropSecret"], (view, { step, memory }) => {
    const name = ("of" in step && step.of) || "";
    if (!view.memory.secrets.includes(name)) return false;
    if (view.sighting.state !== "present" || view.identity.state === "none") return true;
    return ![...known(view).secrets, ...memory.history.flatMap(({ secrets = [] }) => secrets)].includes(name);
  }),

  "never a delete unless deleting, owned and under policy Delete": of(
    ["delete"],
    ({ deleting, identity, deletionPolicy }) =>
      deleting && identity.state === "ours" && deletionPolicy === "Delete",
  ),

  "never an upsert of what is shown already, under the name that it has": deploys((view, { target }) => {
    const latest = latestOf(view);
    if (wantedSecret(view)) return true;
    return (
      !latest ||
      nameOf(view) !== view.name ||
      contentOf(latest.data) !== target.hash ||
      !isReadable(latest.data)
    );
  }),
  "never an upsert when the shown spec is the one we sent and means the same": deploys((view, { target }) => {
    const [head] = view.memory.history;
    const latest = latestOf(view);
    if (!latest || !head || nameOf(view) !== view.name || wantedSecret(view)) return true;
    return !(
      head.specId === latest.id &&
      head.hash === target.hash &&
      meansTheSame(latest.data, head, target)
    );
  }),
  "no second upsert while the first may just not show yet": deploys((view, { target }) => {
    const { memory, now, limits } = view;
    const [head] = memory.history;
    if (!head || head.specId !== undefined || head.hash !== target.hash) return true;
    const young = now - Date.parse(head.sentAt) < limits.resendMs;
    return !young || !isOld(view);
  }),
  "what failed is gone back from, not sent again, until it changes": deploys((view, { target, rollback }) => {
    const { rolledBack } = view.memory;
    const standing = rolledBack?.hash === known(view).hash && view.spec.rollback === "OnFailure";
    return standing
      ? rollback && target.hash !== rolledBack.hash
      : !rollback && target.hash === known(view).hash;
  }),
  "a name is taken only where it was just seen to be free": deploys((view) => {
    const { siblings, rival, limits } = view;
    if (nameOf(view) === view.name) return true;
    const id = view.identity.state === "ours" ? view.identity.record.id : "";
    const free = siblings?.ids.every((one) => one === id) && siblings.ageMs <= limits.freshMs;
    return free === true && (!rival || rival.owns);
  }),
  "an upsert says what it replaces": deploys((view, { replaces }) => replaces === latestOf(view)?.id),

  "Ready only on the declared configuration, applied, under its name": done((view, { memory }) => {
    const latest = latestOf(view);
    const [head] = memory.history;
    if (!latest?.externalApplied || !head || view.deleting || nameOf(view) !== view.name) return false;
    return (
      head.specId === latest.id &&
      head.hash === known(view).hash &&
      meansTheSame(latest.data, head, known(view))
    );
  }),
  "never Ready on a spec of before our upsert": done((view) => {
    const [head, ...older] = view.memory.history;
    const young = head && view.now - Date.parse(head.sentAt) < view.limits.resendMs;
    if (!young || head.specId !== undefined || head.hash !== known(view).hash) return true;
    const id = latestOf(view)?.id;
    return !older.some(({ specId }) => specId === id && specId !== head.replaces);
  }),
  "never Ready after going back": done((_view, { memory }) => !memory.rolledBack),
  "healthy only where Paperspace says so and the instances do not gainsay it": done((view, choice) => {
    const { config } = known(view);
    if (reasonOf(choice) === "Disabled")
      return (!config.enabled || config.resources.replicas === 0) && !view.runs?.list.length;
    const [run] = view.runs?.list ?? [];
    return (
      !!latestOf(view)?.dtHealthy &&
      config.enabled &&
      (!view.runs || (run !== undefined && run.ready >= run.replicas))
    );
  }),
  "the first time healthy on a look of now": done((view) => {
    const [head] = view.memory.history;
    const before =
      head && head.specId === latestOf(view)?.id && ["Healthy", "Disabled"].includes(head.outcome);
    return before || (view.runs !== undefined && view.runs.ageMs < view.limits.lookMs);
  }),

  "whoever rests says when it goes on": (_view, { step }) => {
    if (step.do !== "rest") return undefined;
    const { outcome } = step;
    if (outcome.kind === "Wait") return Number.isFinite(outcome.afterMs) && outcome.afterMs >= 0;
    return !("recheckMs" in outcome) || outcome.recheckMs > 0;
  },
  "whoever knows too little asks, or waits for who looks anyway": (view, { step, asks = [] }) => {
    if (step.do !== "rest" || step.outcome.kind !== "Unknown") return undefined;
    return asks.length > 0 || view.sighting.state === "unknown" || view.wanted.state === "unknown";
  },
  "at most ten configurations are remembered": (_view, { memory }) => memory.history.length <= 10,
  "what was healthy once is not forgotten by a pass that only looks": (view, { step, memory }) => {
    if (step.do !== "rest" || view.sighting.state !== "present" || view.identity.state !== "ours")
      return undefined;
    const ids = new Set(memory.history.map(({ specId }) => specId));
    return view.memory.history.every(({ specId }) => specId === undefined || ids.has(specId));
  },
  "the same is chosen of the same, and with what was chosen remembered nothing new is remembered": (
    view,
    choice,
  ) => {
    if (choice.step.do !== "rest" || choice.step.outcome.kind === "Unknown") return undefined;
    const again = decide({ ...view, memory: choice.memory });
    if (again.step.do !== "rest") return reasonOf(choice) === "RolledBack";
    return reasonOf(choice) === "RolledBack" || isDeepStrictEqual(again.memory, choice.memory);
  },
};

function written(holds: (view: DeploymentView, choice: Choice) => boolean): Holds {
  return of(WRITES, holds);
}

function of(steps: readonly string[], holds: (view: DeploymentView, choice: Choice) => boolean): Holds {
  return (view, choice) => (steps.includes(choice.step.do) ? holds(view, choice) : undefined);
}

function deploys(holds: (view: DeploymentView, step: Deploy) => boolean): Holds {
  return (view, { step }) => (step.do === "deploy" ? holds(view, step) : undefined);
}

function done(holds: (view: DeploymentView, choice: Choice) => boolean): Holds {
  return (view, choice) => {
    const { step } = choice;
    return step.do === "rest" && step.outcome.kind === "Done" ? holds(view, choice) : undefined;
  };
}

function known({ wanted }: DeploymentView): Known {
  if (wanted.state !== "known") throw new Error("it is not known what is wanted");
  return wanted;
}

function latestOf({ sighting }: DeploymentView) {
  return sighting.state === "present" ? sighting.deployment.latestSpec : undefined;
}

/** It was rejected, and a project secret that it names was put back since: that is a reason to send it once more. */
function wantedSecret(view: DeploymentView): boolean {
  const latest = latestOf(view);
  const [head] = view.memory.history;
  const isRejected = !!latest?.error && !latest.externalApplied;
  return isRejected && head?.outcome === "Superseded" && known(view).secrets.length > 0;
}

function nameOf({ sighting }: DeploymentView): string | undefined {
  return sighting.state === "present" ? sighting.deployment.name : undefined;
}

/** What is shown was there before, or when, something was sent last. */
function isOld(view: DeploymentView): boolean {
  const id = latestOf(view)?.id;
  return (
    id === undefined || view.memory.history.some(({ specId, replaces }) => id === specId || id === replaces)
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
function meansTheSame(data: unknown, { filled = [] }: Rollout, { hash }: Pick<Known, "hash">): boolean {
  const content = contentOf(data);
  if (content === undefined || content === hash) return true;
  const config = readConfig(data);
  if (!config) return true;
  const left = new Map([...leavesOf(config)].filter(([field]) => !filled.includes(field)));
  return hashOf(left) === hash;
}

function reasonOf({ step }: Choice): string | undefined {
  return step.do === "rest" && "reason" in step.outcome ? step.outcome.reason : undefined;
}
