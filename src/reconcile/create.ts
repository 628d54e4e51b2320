/**
 * The create protocol (docs/design.md, Create): announce, mirror, send once, save the id. Wherever the process dies
 * between two of these steps, the next pass finds an open attempt or an id in status, and never sends a second create.
 */
import { type Clock, type Moment, momentOf } from "../base/clock.ts";
import { type ObjectMeta, shownKey, toTime } from "../kube/objects.ts";
import type { Gate } from "./gate.ts";
import {
  type Actuator,
  type CreateAnswer,
  type ExpectedCreate,
  type KindTypes,
  type MemoryOf,
  type Policy,
  requireAccount,
} from "./kind.ts";
import type { CloudAccount, ManagedObject, Operation } from "./managed.ts";
import { type Failed, isFailed, type Outcome, requeueNow } from "./outcome.ts";
import { alreadyOwned } from "./ownership.ts";
import { INTENT_CREATE } from "./ownership-facts.ts";
import type { Pass } from "./pass.ts";
import { REASON } from "./reasons.ts";
import {
  ANNOTATION,
  type Attempt,
  type AttemptName,
  type CreateAttempt,
  cloudName,
  type OwnerRecord,
  parseAdopt,
  requestsIn,
} from "./record.ts";
import type { ObjectWriter } from "./writer.ts";

export interface CreateOptions<T extends KindTypes> {
  kind: {
    policy: Pick<Policy<T>, "attemptName" | "expectCreate" | "createRefused">;
    actuator: Pick<Actuator<T>, "create" | "failure">;
  };
  writer: ObjectWriter<T["object"]>;
  clock: Clock;
  /** With the permit of the create. */
  account: T["account"];
  /** Mirrors `memory` into the status of the pass's object; the resource version is its precondition. */
  mirror(memory: MemoryOf<T>): Promise<void>;
  /** The key of an object that owns this id already; where there is none, no other one can record it from now on. */
  claim(id: string, attempt: Attempt): string | undefined;
  /** Saves the id of the pass's record in status, whatever else changes the object meanwhile. */
  saveId(outcome: Outcome): Promise<void>;
  gate(object: T["object"]): Gate;
  /** See `cloudName`. */
  clusterId: string;
  /** Longest time between announcing an attempt and sending it, in milliseconds. */
  sendWindowMs: number;
  /** Slow recheck of what only the user can correct, in milliseconds. */
  recheckMs: number;
}

export interface Created {
  /** Present where something was created. */
  record?: OwnerRecord;
  outcome: Outcome;
  /** Why it failed, where something else is reported: see `Performed`. */
  heldBack?: Failed;
}

/** Updates the pass with the object, the record and the facts of the answer; throws the error of a Kubernetes call. */
export async function create<T extends KindTypes>(
  pass: Pass<T>,
  options: CreateOptions<T>,
): Promise<Created> {
  const { kind, writer, clock } = options;
  const { observation } = pass;
  const context = requireAccount(pass.context);
  const announced = momentOf(clock);
  const attempt = newAttempt(
    context,
    { now: announced.wall, clusterId: options.clusterId },
    (unique) => kind.policy.attemptName?.(observation, context, unique) ?? { name: unique },
  );
  // A stale cache loses here: the resource version is the precondition of the announcement.
  const announcement = { [ANNOTATION.createPending]: JSON.stringify(attempt) };
  pass.object = await writer.annotate(pass.object, announcement);
  const expected = kind.policy.expectCreate(observation, { ...context, object: pass.object }, attempt);
  const memory: MemoryOf<T> = { ...expected.memory, operation: expectedOperation(attempt, expected) };
  let answer: CreateAnswer<T>;
  try {
    await options.mirror(memory);
    const gate = inTime(options, options.gate(pass.object), announced);
    answer = await kind.actuator.create(observation, { ...context, object: pass.object }, attempt, {
      memory,
      gate,
      account: options.account,
    });
  } catch (error) {
    return failed(error, pass, memory, options);
  }
  const owner = options.claim(answer.id, attempt);
  // The attempt stays open: what it made, if anything, is searched for by its name.
  if (owner !== undefined) {
    pass.memory = memory;
    return {
      outcome: alreadyOwned(answer.id, shownKey(owner, pass.object.metadata.namespace), options.recheckMs),
    };
  }
  const record: OwnerRecord = {
    id: answer.id,
    team: attempt.team,
    name: attempt.name,
    uid: attempt.uid,
    // What was requested of a resource that did not exist yet is done by creating it.
    ...requestsIn(pass.object.metadata),
  };
  pass.context = { ...pass.context, record };
  pass.memory = answer.memory;
  const { attempt: _resolved, ...facts } = observation;
  const identity = { state: "ours", record, restore: false } as const;
  pass.observation = { ...facts, identity, ...answer.learned };
  // Status first: an annotation that it does not confirm is not believed.
  await options.saveId(answer.outcome);
  pass.object = await writer.saveAnnotations(pass.object, recorded(record, pass.object.metadata));
  return { record, outcome: answer.outcome };
}

/** The operation that stands for a create from its announcement on: it may have been sent from then on. */
export function expectedOperation(
  { name, mark, time }: CreateAttempt,
  { deadlineMs, target }: Pick<ExpectedCreate<unknown>, "deadlineMs" | "target">,
): Operation {
  const deadline = toTime(Date.parse(time) + deadlineMs);
  return {
    intent: INTENT_CREATE,
    requestedAt: time,
    deadline,
    name,
    ...(mark !== undefined && { mark }),
    ...(target !== undefined && { target }),
  };
}

/**
 * The annotations of an object that owns something: its record, and no attempt. An order to adopt it is carried out, and
 * would else be a new one once the resource is gone.
 */
export function recorded(record: OwnerRecord, metadata: ObjectMeta): Record<string, string | null> {
  return {
    [ANNOTATION.record]: JSON.stringify(record),
    [ANNOTATION.createPending]: null,
    ...(parseAdopt(metadata) === record.id && { [ANNOTATION.adopt]: null }),
  };
}

function newAttempt(
  { object, account }: { object: ManagedObject; account: CloudAccount },
  { now, clusterId }: { now: number; clusterId: string },
  nameOf: (unique: string) => AttemptName,
): Attempt {
  const { name, uid = "", resourceVersion = "" } = object.metadata;
  const time = toTime(now);
  return {
    ...nameOf(cloudName({ name, uid, resourceVersion }, time, clusterId)),
    team: account.team,
    uid,
    time,
  };
}

/** "Surely none" counts from the last possible send, so an attempt that waited too long, by either clock, is not sent. */
function inTime(
  { clock, sendWindowMs }: Pick<CreateOptions<KindTypes>, "clock" | "sendWindowMs">,
  gate: Gate,
  announced: Moment,
): Gate {
  return () => {
    const { wall, monotonic } = momentOf(clock);
    const hasPassed = Math.abs(wall - announced.wall) > sendWindowMs;
    if (hasPassed || monotonic - announced.monotonic > sendWindowMs) return "the attempt waited too long";
    return gate();
  };
}

async function failed<T extends KindTypes>(
  error: unknown,
  pass: Pass<T>,
  memory: MemoryOf<T>,
  { kind, writer }: CreateOptions<T>,
): Promise<Created> {
  const failure = kind.actuator.failure(error);
  // An error that is not the cloud's came before the send: the mirror could not be written.
  if (failure?.effect !== "unknown") {
    pass.mayHaveEffect = false;
    pass.object = await writer.saveAnnotations(pass.object, { [ANNOTATION.createPending]: null });
    if (!failure) throw error;
    // Reported, since the mirror in status must be removed as well: it would be resolved as an attempt of its own.
    const unsent = { kind: "Retry", reason: REASON.Creating, message: "not sent yet" } as const;
    const { outcome } = failure;
    if (outcome.kind === "Requeue") return { outcome: unsent };
    const refused = kind.policy.createRefused?.(pass.observation, pass.memory, outcome);
    if (!refused) return { outcome };
    pass.memory = refused.memory;
    return { outcome: refused.outcome, heldBack: outcome };
  }
  const { answeredId: target } = failure;
  pass.memory =
    target === undefined ? memory : { ...memory, operation: { ...memory.operation, target } as Operation };
  const cause = "message" in failure.outcome ? failure.outcome.message : "the answer was lost";
  const message = `${cause}. Whether the create took effect is not known; the account is searched for it before anything else is done`;
  return {
    outcome: requeueNow(REASON.ResolvingCreate, message),
    ...(isFailed(failure.outcome) && { heldBack: failure.outcome }),
  };
}
