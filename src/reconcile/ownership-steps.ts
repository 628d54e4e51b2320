/**
 * The steps of the ownership rules: they write to the object alone, never to the cloud. What must hold when the process
 * dies between two of their writes is in docs/design.md, Record and Deletion.
 */
import type { Clock } from "../base/clock.ts";
import { shownKey, toTime } from "../kube/objects.ts";
import { recorded } from "./create.ts";
import type { CredentialGuard } from "./credential-guard.ts";
import { withoutOperation } from "./decision.ts";
import type { KindTypes, Policy, StatusOf } from "./kind.ts";
import type { ManagedStatus } from "./managed.ts";
import { type Outcome, requeueNow } from "./outcome.ts";
import type { Owners } from "./owners.ts";
import { alreadyOwned, type OwnershipStep, tooLate } from "./ownership.ts";
import type { Pass } from "./pass.ts";
import { REASON } from "./reasons.ts";
import { ANNOTATION, type OwnerRecord, requestsIn } from "./record.ts";
import type { Reporter } from "./reporter.ts";
import { ownership } from "./status.ts";
import type { ObjectWriter } from "./writer.ts";

export interface OwnershipStepOptions<T extends KindTypes> {
  writer: ObjectWriter<T["object"]>;
  guard: Pick<CredentialGuard<T["account"]>, "release">;
  reporter: Reporter<T>;
  owners: Pick<Owners<T["object"]>, "claim">;
  policy: Pick<Policy<T>, "adopted">;
  clock: Pick<Clock, "now">;
}

const REQUEUE: Outcome = { kind: "Requeue" };

export async function performOwnershipStep<T extends KindTypes>(
  step: OwnershipStep,
  pass: Pass<T>,
  options: OwnershipStepOptions<T>,
): Promise<Outcome> {
  const { writer } = options;
  switch (step.do) {
    case "addFinalizer":
      await writer.addFinalizer(pass.object);
      return REQUEUE;
    case "restoreRecord":
      if (pass.context.record)
        await writer.annotate(pass.object, recorded(pass.context.record, pass.object.metadata));
      return REQUEUE;
    case "recordOwnership":
      return recordOwnership(step.id, pass, options);
    case "closeAttempt":
      return closeAttempt(pass, options);
    case "disown":
      return giveUp(step, pass, options);
    case "release":
      return release(step.reason, pass, options);
    case "none":
      return step.outcome;
    case "create":
    case "adopt":
      // The create has a protocol of its own, and the generic decision has refined "adopt".
      throw new Error(`step ${step.do} is not one of ownership`);
  }
}

async function recordOwnership<T extends KindTypes>(
  id: string,
  pass: Pass<T>,
  { writer, reporter, owners, policy }: OwnershipStepOptions<T>,
): Promise<Outcome> {
  const { account, object } = pass.context;
  const { attempt, candidateName, recheckMs } = pass.observation;
  const team = attempt?.team ?? account?.team;
  if (team === undefined) throw new Error("a record needs a team");
  const { uid = "" } = object.metadata;
  const record = { id, team, name: attempt?.name ?? "", uid, ...requestsIn(object.metadata) };
  const owner = owners.claim(id, pass.object, attempt ? { attempt } : { name: candidateName, team });
  if (owner !== undefined) return alreadyOwned(id, shownKey(owner, object.metadata.namespace), recheckMs);
  const adopted = attempt ? undefined : policy.adopted?.(pass.observation, pass.memory);
  // Status first: an annotation that it does not confirm is not believed.
  pass.object = await writer.saveStatus(pass.object, (latest) => ({
    ...owning<T>(latest, record, pass.observation.now),
    ...adopted?.status,
  }));
  const reason = attempt ? REASON.Created : REASON.Adopted;
  const note = `${id} is this object's now${adopted ? `. ${adopted.note}` : ""}`;
  reporter.event(pass.object, "Normal", reason, "Take", note);
  await writer.saveAnnotations(pass.object, recorded(record, pass.object.metadata));
  return REQUEUE;
}

/** The status with the id; what it says of another object is not taken over. */
function owning<T extends KindTypes>(
  { metadata, status }: T["object"],
  { id, team, uid }: OwnerRecord,
  now: number,
): StatusOf<T> {
  const { observedGeneration = -1, conditions } = status ?? {};
  const own = status?.uid === uid ? status : { observedGeneration, ...(conditions && { conditions }) };
  const since = ownership(id, { metadata, ...(status && { status }) }, now);
  return { ...own, ...since, teamId: team, uid } as StatusOf<T>;
}

/** Names of given-up creates that are kept on an object. */
const ABANDONED = 5;

/** Both copies are removed: the annotation here, the mirror with a status that no longer holds the operation. */
async function closeAttempt<T extends KindTypes>(
  pass: Pass<T>,
  { writer, reporter }: OwnershipStepOptions<T>,
): Promise<Outcome> {
  pass.object = await writer.annotate(pass.object, { [ANNOTATION.createPending]: null });
  const { attempt } = pass.observation;
  if (!attempt) return REQUEUE;
  const outcome = requeueNow(REASON.Creating, "nothing came of the last create");
  const status: StatusOf<T> = reporter.statusOf(pass, withoutOperation(pass.memory), outcome);
  const abandoned = [...(status.abandoned ?? []), attempt.name].slice(-ABANDONED);
  pass.object = await writer.status(pass.object, { ...status, abandoned });
  return REQUEUE;
}

/** Resources that were given up and are kept on an object: more than make it Contended. */
const DISOWNED = 10;

/** The id stays in status: should the resource show up again, it is found by it. */
async function giveUp<T extends KindTypes>(
  { replaced }: { replaced?: true },
  pass: Pass<T>,
  { writer, reporter, clock }: OwnershipStepOptions<T>,
): Promise<Outcome> {
  const id = pass.context.record?.id ?? "";
  const { noun } = pass.observation;
  const gone = { id, at: toTime(clock.now()), ...(replaced && { replaced }) };
  const disowned = [...(pass.object.status?.disowned ?? []), gone].slice(-DISOWNED);
  // What is remembered of the one that was replaced goes with its id, or not at all.
  const remembered = replaced ? withoutOperation(pass.memory) : {};
  await disown(pass, writer, { ...remembered, disowned });
  if (replaced) {
    const note = `${noun} ${id} was deleted by the operator, as the object declares`;
    reporter.event(pass.object, "Normal", REASON.Disowned, "Disown", note);
    return REQUEUE;
  }
  const note = `${noun} ${id} is gone, and another one is made. Should ${id} show up again, it belongs to nobody and goes on costing: delete it in the Paperspace console`;
  reporter.event(pass.object, "Warning", REASON.Disowned, "Disown", note);
  return REQUEUE;
}

/**
 * What the object owned is certainly gone. The status is cleared last: until then it restores the record, and a record
 * alone would be a conflict.
 */
async function disown<T extends KindTypes>(
  pass: Pass<T>,
  writer: ObjectWriter<T["object"]>,
  more: Partial<ManagedStatus> = {},
): Promise<void> {
  pass.object = await writer.annotate(pass.object, { [ANNOTATION.record]: null });
  const { id: _gone, ownedSince: _over, operation: _ended, ...status } = pass.object.status ?? {};
  pass.object = await writer.status(pass.object, { ...status, ...more } as StatusOf<T>);
}

async function release<T extends KindTypes>(
  reason: string,
  pass: Pass<T>,
  { writer, guard, reporter }: OwnershipStepOptions<T>,
): Promise<Outcome> {
  const settle = async () => {
    // Recorded on the object, so that it can be released without a key from now on.
    if (pass.context.record && pass.observation.deletionPolicy !== "Orphan") await disown(pass, writer);
  };
  const released = await guard.release(pass.object, settle, async () => {
    await writer.removeFinalizer(pass.object);
  });
  if (!released) return UNLISTED;
  const { orphanTooLate } = pass.observation;
  if (orphanTooLate !== undefined && reason === REASON.Deleted)
    reporter.event(pass.object, "Warning", REASON.OrphanTooLate, "Release", tooLate(orphanTooLate));
  else reporter.event(pass.object, "Normal", reason, "Release", RELEASED[reason] ?? "the object may go");
  return { kind: "Released" };
}

/** Only right after the start of the process. */
const UNLISTED: Outcome = {
  kind: "RequeueAfter",
  reason: REASON.Deleting,
  message:
    "its Secret is released with the last object that needs it, and not all kinds of objects are listed yet",
  afterMs: 1_000,
};

const RELEASED: Record<string, string> = {
  [REASON.IdentityConflict]: "the object goes; what its record names is another object's and stays untouched",
  [REASON.AlreadyOwned]: "the object goes; what it names is another object's and stays untouched",
  [REASON.NothingToDelete]: "the object goes; it owned nothing in the cloud",
  [REASON.Orphaned]: "the object goes; what it owned stays in the cloud, as deletionPolicy Orphan says",
};
