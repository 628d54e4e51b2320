/**
 * What the history of specs shows of our newest upsert: which spec is its own, and which others came since. The history is
 * the only place that has them in their order. Pure.
 */
import { toTime } from "../../kube/objects.ts";
import { ageOfTime } from "../../reconcile/decision.ts";
import type { StoredSpec } from "./api.ts";
import {
  additions,
  differencesBeyondScaling,
  hashesOf,
  type Leaves,
  leavesIn,
  templateOf,
} from "./compare.ts";
import type { DeploymentLimits, DeploymentMemory, Target } from "./observation.ts";
import { specIdsOf } from "./rollout.ts";
import { asSent } from "./stored-as.ts";
import type { Rollout } from "./types.ts";

/** An upsert, and all that there is to recognise its spec by. `specs`: newest first. */
export interface SentSpecs {
  head: Rollout;
  memory: Pick<DeploymentMemory, "history" | "storedAs">;
  target: Pick<Target, "hash" | "leaves">;
  specs: readonly StoredSpec[];
}

/** When Paperspace took it, as far as that is known. */
export function takenAt({ sentAt, answeredAt = sentAt }: Pick<Rollout, "sentAt" | "answeredAt">): string {
  return answeredAt;
}

/** Until when the spec of an upsert may be read late, in the form of an operation, for the pace of reads. */
export function showTimes(
  rollout: Pick<Rollout, "sentAt" | "answeredAt">,
  { settleMs }: Pick<DeploymentLimits, "settleMs">,
): { requestedAt: string; deadline: string } {
  const requestedAt = takenAt(rollout);
  return { requestedAt, deadline: toTime(Date.parse(requestedAt) + settleMs) };
}

/** Whether reads may still be of before it. One that was neither answered nor seen need not have arrived. */
export function mayReadLate(
  rollout: Rollout,
  now: number,
  { resendMs, settleMs }: Pick<DeploymentLimits, "resendMs" | "settleMs">,
): boolean {
  const isThere = rollout.answeredAt !== undefined || rollout.specId !== undefined;
  return ageOfTime(takenAt(rollout), now) < (isThere ? settleMs : resendMs);
}

/** Whether the spec was there before our newest upsert. */
export function isKnown(history: readonly Rollout[], id: string): boolean {
  return history.some((rollout) => specIdsOf(rollout).includes(id));
}

/** Those that came since what the upsert replaced, newest first; undefined where that is not in the history. */
export function specsSince({
  head: { replaces },
  specs,
}: Pick<SentSpecs, "head" | "specs">): readonly StoredSpec[] | undefined {
  if (replaces === undefined) return specs;
  const before = specs.findIndex(({ id }) => id === replaces);
  return before < 0 ? undefined : specs.slice(0, before);
}

/** The oldest one since that has all that was sent, and the fields that the API filled in. */
export function ownSpec(sent: SentSpecs): { id: string; filled: string[] } | undefined {
  const { memory, target, specs, head } = sent;
  const since = specsSince(sent) ?? specs.filter(({ id }) => !isKnown(memory.history, id));
  const own = since.findLast(({ data }) => {
    const leaves = asSentIn(data, sent);
    if (!leaves) return false;
    return head.hash === target.hash ? holds(leaves, target.leaves) : hashesOf(leaves).includes(head.hash);
  });
  const leaves = own && asSentIn(own.data, sent);
  return leaves && { id: own.id, filled: additions(target.leaves, leaves) };
}

/** All that was sent is in there, whatever was filled in. */
export function holds(leaves: Leaves, sent: Leaves): boolean {
  return differencesBeyondScaling(sent, leaves, additions(sent, leaves)).length === 0;
}

/**
 * Whether this spec can only be the answer to the upsert: it came since what was replaced, as the only one, and no other
 * upsert of ours can have made it. Or the API kept one that it takes for the same. `specs` were read so late that they
 * show all that the upsert did.
 */
export function isOnlyAnswer(
  sent: SentSpecs,
  { id }: StoredSpec,
  { settleMs }: Pick<DeploymentLimits, "settleMs">,
): boolean {
  const { head, specs } = sent;
  const { answeredAt, unseen, sentAt } = head;
  if (answeredAt === undefined || specs[0]?.id !== id) return false;
  if (unseen && Date.parse(sentAt) - Date.parse(unseen.lastSentAt) < settleMs) return false;
  const since = specsSince(sent);
  const isKept = since?.length === 0 && id === head.replaces;
  return since?.length === 1 || (isKept && provenFrom(sent) > 0);
}

/**
 * Specs of before this one that are not known to be of the same upsert, sent several times: what they have is what another
 * actor, or another configuration of ours, has written.
 */
export function formerLeaves(sent: SentSpecs, { id, data }: StoredSpec): Leaves[] {
  const content = contentOf(data);
  return sent.specs.flatMap((spec, at) => {
    const isSame = at < provenFrom(sent) && contentOf(spec.data) === content;
    return spec.id === id || isSame ? [] : (leavesIn(spec.data) ?? []);
  });
}

/** Where in the history what was there before the first upsert begins whose spec was not seen. */
function provenFrom({ head, specs }: SentSpecs): number {
  const base = head.unseen ? head.unseen.replaced : head.replaces;
  const at = specs.findIndex(({ id }) => id === base);
  return at < 0 ? specs.length : at;
}

function contentOf(data: unknown): string | undefined {
  const leaves = leavesIn(data);
  return leaves && templateOf(leaves);
}

/** In the form in which it was sent, as far as that is known; undefined where it cannot be read. */
export function asSentIn(
  data: unknown,
  { target, memory }: Pick<SentSpecs, "target" | "memory">,
): Leaves | undefined {
  const leaves = leavesIn(data);
  return leaves && asSent(leaves, target.leaves, memory.storedAs);
}
