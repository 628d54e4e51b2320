/**
 * The create protocol (docs/design.md, Create): announce, mirror, send once, save the id. Whatever dies between two of
 * these lines, the next pass finds an open attempt or a recorded id, and never sends a second create.
 */
import type { Clock } from "../base/clock.ts";
import { toTime } from "../kube/objects.ts";
import type { AuthorizedContext, CloudAccount, Gate, Kind, ManagedObject, Operation, Step } from "./kind.ts";
import { type Outcome, waiting } from "./outcome.ts";
import type { OwnershipFacts } from "./ownership.ts";
import { INTENT_CREATE } from "./ownership-facts.ts";
import { REASON } from "./reasons.ts";
import {
  ANNOTATION,
  type Attempt,
  type AttemptName,
  type CreateAttempt,
  cloudName,
  type OwnerRecord,
  requestsIn,
} from "./record.ts";
import type { ObjectWriter } from "./writer.ts";

export interface CreateParts<O extends ManagedObject, A extends CloudAccount, V extends OwnershipFacts, M> {
  kind: Pick<Kind<O, A, V, Step, M>, "attemptName" | "expectation" | "create" | "failure">;
  writer: ObjectWriter<O>;
  clock: Clock;
  /** Mirrors `memory` into the status of `object`; the resource version is its precondition. */
  remember(object: O, memory: M): Promise<O>;
  gate(object: O): Gate;
  /** Longest time between announcing an attempt and sending it, in milliseconds. */
  sendWindowMs: number;
}

export interface Created<O, M> {
  object: O;
  /** Present where something was created. */
  record?: OwnerRecord;
  /** Absent where nothing is under way. */
  memory?: M;
  outcome: Outcome;
}

/** `view` is what the decision to create was taken on. */
export async function create<O extends ManagedObject, A extends CloudAccount, V extends OwnershipFacts, M>(
  observation: V,
  context: AuthorizedContext<O, A>,
  parts: CreateParts<O, A, V, M>,
): Promise<Created<O, M>> {
  const { kind, writer, clock } = parts;
  const attempt = newAttempt(context, clock.now(), (unique) =>
    kind.attemptName(observation, context, unique),
  );
  // A stale cache loses here: the resource version is the precondition of the announcement.
  const pending = await writer.annotate(context.object, {
    [ANNOTATION.createPending]: JSON.stringify(attempt),
  });
  const memory = kind.expectation(observation, { ...context, object: pending }, attempt);
  let object = pending;
  let answer: Awaited<ReturnType<typeof kind.create>>;
  try {
    object = await parts.remember(pending, memory);
    const gate = inTime(parts, parts.gate(object), Date.parse(attempt.time));
    answer = await kind.create(observation, { ...context, object }, attempt, memory, gate);
  } catch (error) {
    return failed(error, object, memory, parts);
  }
  const record: OwnerRecord = {
    id: answer.id,
    team: attempt.team,
    name: attempt.name,
    uid: attempt.uid,
    // What was asked of a thing that was not there yet is done by making it.
    ...requestsIn(object.metadata),
  };
  object = await writer.saveAnnotations(object, recorded(record));
  return { object, record, memory: answer.memory, outcome: answer.outcome };
}

/** The operation that stands for a create from its announcement on: it may have been sent from then on. */
export function announced({ name, mark, time }: CreateAttempt, deadlineMs: number): Operation {
  const deadline = toTime(Date.parse(time) + deadlineMs);
  return { intent: INTENT_CREATE, requestedAt: time, deadline, name, ...(mark !== undefined && { mark }) };
}

/** The annotations of an object that owns something: its record, and no attempt. */
export function recorded(record: OwnerRecord): Record<string, string | null> {
  return { [ANNOTATION.record]: JSON.stringify(record), [ANNOTATION.createPending]: null };
}

function newAttempt(
  { object, account }: { object: ManagedObject; account: CloudAccount },
  now: number,
  nameOf: (unique: string) => AttemptName,
): Attempt {
  const { name, uid = "", resourceVersion = "" } = object.metadata;
  const time = toTime(now);
  return { ...nameOf(cloudName({ name, uid, resourceVersion }, time)), team: account.team, uid, time };
}

/** "Surely none" counts from the last possible send, so an attempt that waited too long is not sent at all. */
function inTime(parts: { clock: Clock; sendWindowMs: number }, gate: Gate, announcedAt: number): Gate {
  return () => {
    const age = parts.clock.now() - announcedAt;
    if (age > parts.sendWindowMs || age < -parts.sendWindowMs) return "the attempt waited too long";
    return gate();
  };
}

async function failed<O extends ManagedObject, A extends CloudAccount, V extends OwnershipFacts, M>(
  error: unknown,
  object: O,
  memory: M,
  parts: CreateParts<O, A, V, M>,
): Promise<Created<O, M>> {
  const failure = parts.kind.failure(error);
  // An error that is not the cloud's came before the send: the mirror could not be written.
  if (failure?.effect !== "unknown") {
    const closed = await parts.writer.saveAnnotations(object, { [ANNOTATION.createPending]: null });
    if (!failure) throw error;
    // The mirror in status must go as well, or it would be searched for as an attempt of its own.
    const unsent = waiting(REASON.Creating, "not sent yet");
    return { object: closed, outcome: failure.outcome.kind === "Requeue" ? unsent : failure.outcome };
  }
  const said = "message" in failure.outcome ? failure.outcome.message : "the answer was lost";
  const message = `${said}. Whether the create took effect is not known; the account is searched for it before anything else is done`;
  return { object, memory, outcome: waiting(REASON.ResolvingCreate, message) };
}
