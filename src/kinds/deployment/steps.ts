/**
 * Does what decide chose: one cloud write each. What an upsert sends is in status before it goes out, so that whatever
 * dies, its spec is recognized as ours when it shows.
 */
import { toTime } from "../../kube/objects.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import { describe } from "../../reconcile/change.ts";
import { ageOfTime, isLate, withoutOperation } from "../../reconcile/decision.ts";
import type { EventNote } from "../../reconcile/event-notes.ts";
import { deleteAccepted } from "../../reconcile/existence.ts";
import type { PerformContext, Performed } from "../../reconcile/kind.ts";
import { requeueNow } from "../../reconcile/outcome.ts";
import type { Deployment, DeploymentApi } from "./api.ts";
import { shown } from "./compare.ts";
import { headersOf } from "./config.ts";
import { strayNoted } from "./leftovers.ts";
import type { Deploy, DeploymentMemory, DeploymentStep, DeploymentTypes, Target } from "./observation.ts";
import { firstSpecsIfAny } from "./project-cache.ts";
import { originOf, storedHash } from "./provenance.ts";
import { REASON } from "./reasons.ts";
import { keepTemplate, pushed, sentOf } from "./rollout.ts";
import { whileServing } from "./scaling.ts";
import { dropSecret, putSecret, REFUSALS } from "./secret-steps.ts";
import { isKnown, takenAt } from "./sent-specs.ts";
import type { DeploymentStepOptions } from "./step-options.ts";
import type { Rollout } from "./types.ts";

type Step<D extends DeploymentStep["do"]> = Extract<DeploymentStep, { do: D }>;
type Done = Promise<Performed<DeploymentTypes>>;
type SendContext = PerformContext<DeploymentTypes>;

export async function perform(
  step: DeploymentStep,
  context: SendContext,
  parts: DeploymentStepOptions,
): Done {
  const { memory } = context;
  switch (step.do) {
    case "deploy":
      return deploy(step, memory, context, parts);
    case "delete":
      return remove(step, memory, context, parts);
    case "deleteStray":
      return deleteStray(step, memory, context, parts);
    case "putSecret":
      return putSecret(step, memory, context, parts);
    case "dropSecret":
      return dropSecret(step, memory, context, parts);
    case "handle":
      return handle(step, memory, context);
  }
}

/** What is remembered of a configuration that is about to be sent. */
export function entryOf(
  {
    target,
    replaces,
    rollback,
    git,
    changes = [],
  }: Pick<Deploy, "target" | "replaces" | "rollback" | "git"> & Partial<Pick<Deploy, "changes">>,
  generation: number,
  sentAt: number,
): Rollout {
  return {
    ...sentOf(target),
    generation,
    sentAt: toTime(sentAt),
    outcome: "Progressing",
    ...(replaces !== undefined && { replaces }),
    ...(keepTemplate(changes) && { scaled: true }),
    ...(rollback && { rollback }),
    ...(git && { git }),
  };
}

async function deploy(
  step: Deploy,
  memory: DeploymentMemory,
  { gate, persistIntent }: SendContext,
  parts: DeploymentStepOptions,
): Done {
  const { id, object, projectId, api, inventory, now } = parts;
  if (id === undefined) throw new Error("an upsert of what is there needs its id");
  const { target, changes, deployment } = step;
  const summary = describe(shown(changes));
  const [before] = memory.history;
  const sending = requeueNow(REASON.Deploying, `the configuration is being sent: ${summary}`);
  const outcome = step.isServed ? whileServing(sending) : sending;
  const there = await readAgain(id, api);
  if (!there) {
    inventory.refresh(id);
    const message = "the API does not know the deployment just now, so that nothing is sent to it";
    return { outcome: { kind: "Retry", reason: REASON.AbsenceUnconfirmed, message }, memory };
  }
  const replaced = replacing(step, there, memory);
  const entry = entryOf(replaced, object.metadata.generation ?? 0, now());
  const unseen = unseenBefore(before, entry, parts.settleMs);
  const sent: DeploymentMemory = { ...memory, history: pushed(memory.history, { ...entry, ...unseen }) };
  await persistIntent(sent, outcome);
  const body = { projectId, config: target.config, deploymentId: id };
  try {
    const { body: answer, answeredAt } = await api.upsert(body, { gate, headers: headersOf(step.git) });
    if (answer.deploymentId !== id) {
      inventory.refresh(id);
      return strayed(answer.deploymentId, target, memory, parts);
    }
    // The answer names only the id: what was seen before it is old from now on.
    inventory.set(id, deployment, answeredAt);
  } catch (error) {
    // How the next passes judge what is shown depends on it.
    if (isAnswer(error)) await persistIntent(answered(sent, now()), outcome);
    throw error;
  }
  const events: EventNote[] = [];
  const isRenamed = entry.generation !== before?.generation && changes.every(({ field }) => field === "name");
  // The same configuration as before, and no new name for it: another actor has changed it.
  if (before?.specId !== undefined && before.hash === target.hash && !isRenamed)
    events.push({
      type: "Normal",
      reason: REASON.DriftCorrected,
      note: `put back what was changed: ${summary}`,
    });
  return { outcome, memory: answered(sent, now()), events };
}

/** With the time of the answer to the newest one, not earlier than it was. */
export function answered<M extends Pick<DeploymentMemory, "history">>(memory: M, now: number): M {
  const [head, ...older] = memory.history;
  return head ? { ...memory, history: [{ ...head, answeredAt: toTime(now + 999) }, ...older] } : memory;
}

/** Paperspace took the request, and what it answered cannot be read. */
function isAnswer(error: unknown): boolean {
  if (!(error instanceof PaperspaceError) || error.apiCode !== undefined) return false;
  const { code, status = 0 } = error;
  return (code === "PS_UNEXPECTED" || code === "PS_TRUNCATED") && status >= 200 && status < 300;
}

/** What is there right before is what is replaced, unless that is a late read. */
function replacing(step: Deploy, { latestSpec }: Deployment, { history }: DeploymentMemory): Deploy {
  if (!latestSpec || isKnown(history, latestSpec.id)) return step;
  return { ...step, replaces: latestSpec.id };
}

/** Of one that was sent and not seen: as long as its spec may still come, what comes may be its. */
function unseenBefore(
  before: Rollout | undefined,
  { sentAt, replaces }: Rollout,
  settleMs: number,
): Pick<Rollout, "unseen"> {
  const { unseen, specId } = before ?? {};
  if (before && specId === undefined) {
    const replaced = unseen ? unseen.replaced : before.replaces;
    const lastSentAt = takenAt(before);
    return { unseen: { lastSentAt, ...(replaced !== undefined && { replaced }) } };
  }
  if (!unseen || ageOfTime(unseen.lastSentAt, Date.parse(sentAt)) >= settleMs) return {};
  return { unseen: { lastSentAt: unseen.lastSentAt, ...(replaces !== undefined && { replaced: replaces }) } };
}

/** Read right before: what is long since gone may be made anew by an upsert (deployments.md section 2). */
async function readAgain(id: string, api: DeploymentApi): Promise<Deployment | undefined> {
  try {
    return (await api.get(id)).body;
  } catch (error) {
    if (!(error instanceof PaperspaceError) || error.code !== "PS_NOT_FOUND") throw error;
    return undefined;
  }
}

/**
 * What an upsert does whose deployment is gone is not documented (deployments.md section 2): it may go by the name then.
 * What it made is noted before anything else is done, so that a later pass deletes it, whatever dies until then.
 */
async function strayed(
  id: string,
  target: Target,
  memory: DeploymentMemory,
  { api, now, deleteMs }: DeploymentStepOptions,
): Done {
  const specs = await firstSpecsIfAny(api, id);
  const origin = originOf(specs, { mark: target.hash }, { state: "known", ...target });
  // As it is stored: then it is recognized even when the spec has changed.
  const mark = (origin === "ours" && specs[0] && storedHash(specs[0])) || target.hash;
  const noted = { ...memory, operation: strayNoted(id, mark, now(), deleteMs) };
  const what = {
    ours: "made another one, which is deleted again",
    foreign: `sent it to ${id}, which has that name now`,
    unknown: `answered with ${id}, whose first configuration cannot be read just now`,
  }[origin];
  const message = `the API does not know the deployment any more, and ${what}`;
  return {
    outcome: { kind: "Retry", reason: REASON.AbsenceUnconfirmed, message, atLeastMs: STRAYED_MS },
    memory: origin === "foreign" ? memory : noted,
  };
}

/** The deployment that is gone is not shown any more soon. */
const STRAYED_MS = 30_000;

/**
 * Deleted only where its one configuration is the one that was sent: a second one is another actor's, and it stays. What
 * cannot be read or deleted is given up at the operation's deadline, so that it does not keep the object for ever.
 */
async function deleteStray(
  { of: id, mark }: Step<"deleteStray">,
  memory: DeploymentMemory,
  { gate }: SendContext,
  { api, now }: DeploymentStepOptions,
): Done {
  const forgotten = withoutOperation(memory);
  const given = memory.operation && isLate(memory.operation, now()) ? forgotten : undefined;
  const stays = (why: string): Performed<DeploymentTypes> => {
    const message = `the API made deployment ${id} in place of the one that is gone, and it stays: ${why}`;
    const outcome = { kind: "Retry", reason: REASON.Declined, message } as const;
    if (!given) return { outcome, memory };
    return {
      outcome: requeueNow(REASON.AbsenceUnconfirmed, message),
      memory: given,
      events: [{ type: "Warning", reason: REASON.Declined, note: message }],
    };
  };
  const specs = await firstSpecsIfAny(api, id);
  const origin = specs.length > 1 ? "foreign" : originOf(specs, { mark }, { state: "unknown" });
  if (origin === "unknown") return stays("its first configuration cannot be read");
  const what =
    origin === "ours"
      ? "another one, which was made in its place, is deleted again"
      : `${id} has its name now`;
  const outcome = requeueNow(
    REASON.AbsenceUnconfirmed,
    `the API does not know the deployment any more; ${what}`,
  );
  try {
    if (origin === "ours") await api.delete(id, { gate });
  } catch (error) {
    if (!(error instanceof PaperspaceError)) throw error;
    if (REFUSALS.has(error.code)) return stays(error.message);
    if (error.code !== "PS_NOT_FOUND") throw error;
  }
  return { outcome, memory: forgotten };
}

async function remove(
  step: Step<"delete">,
  memory: DeploymentMemory,
  { gate }: SendContext,
  { id, api, inventory, now, deleteMs }: DeploymentStepOptions,
): Done {
  if (id === undefined) throw new Error("there is nothing to delete without an id");
  await api.delete(id, { gate });
  inventory.refresh(id);
  return deleteAccepted(step, memory, now(), deleteMs);
}

async function handle(
  { requests, note }: Step<"handle">,
  memory: DeploymentMemory,
  { ackRequests }: SendContext,
): Done {
  await ackRequests(requests);
  return {
    outcome: { kind: "Requeue" },
    memory,
    events: [{ type: "Normal", reason: REASON.RequestIgnored, note }],
  };
}
