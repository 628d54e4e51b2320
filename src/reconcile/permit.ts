/**
 * Permits to send: a step that sends something to the cloud is begun only once its account can be asked at once, so that
 * no pass waits for one in its worker (docs/design.md, Throttle). The budgets behind them are the cloud's side.
 */
import { type DecisionOf, type KindTypes, requireAccount } from "./kind.ts";
import type { ManagedObject, Sends } from "./managed.ts";
import type { Outcome } from "./outcome.ts";
import type { Pass } from "./pass.ts";
import { REASON } from "./reasons.ts";

export interface PermitRequest {
  /** UID of the object, of which there is one permit at most. */
  holder: string;
  /** Groups take turns: the namespace. */
  group: string;
  sends: Sends;
  /** Called once where the answer was to wait: the next request is granted, unless the account is paused until then. */
  granted(): void;
}

/** The account of a permit: its requests go out at once, or, where the cloud has asked for a pause since, not at all. */
export type PermitAnswer<A> =
  | { state: "granted"; account: A }
  | { state: "waiting" }
  /** The cloud has asked for a pause, which lasts this many milliseconds. */
  | { state: "paused"; forMs: number };

export interface Permits<A> {
  ask(account: A, request: PermitRequest): PermitAnswer<A>;
  /** The pass ends without its step, which a later one may take: then the holder keeps its permit, or its turn. */
  keep(holder: string): void;
  /** Ends the permit, or the wait for it. */
  release(holder: string): void;
}

/** The permit of an object is of its UID. */
export function holderOf({ metadata: { uid = "" } }: ManagedObject): string {
  return uid;
}

/** The decision where there is a permit for its step; else the one to wait for it, and the permit queues the key. */
export function ifPermitted<T extends KindTypes>(
  pass: Pass<T>,
  decision: DecisionOf<T>,
  sends: Sends,
  { permits, enqueue }: { permits: Permits<T["account"]>; enqueue(key: string): void },
): DecisionOf<T> {
  const { key, object, context, observation } = pass;
  const { namespace: group = "" } = object.metadata;
  const granted = () => enqueue(key);
  const { account } = requireAccount(context);
  const answer = permits.ask(account, { holder: holderOf(object), group, sends, granted });
  if (answer.state === "granted") {
    pass.permitted = answer.account;
    return decision;
  }
  const { memory } = observation;
  pass.isWaiting = true;
  pass.memory = memory;
  return { step: { do: "none", outcome: withoutPermit(answer) }, memory, waits: true };
}

/** A step that sends nothing has no permit, and no use for the account. */
export function permittedAccount<T extends KindTypes>({ permitted, context }: Pass<T>): T["account"] {
  return permitted ?? requireAccount(context).account;
}

function withoutPermit(answer: Exclude<PermitAnswer<unknown>, { state: "granted" }>): Outcome {
  if (answer.state === "waiting") return { kind: "Unknown" };
  const message =
    "Paperspace asked for a pause of all requests of the team: what is to be sent goes out after it";
  return { kind: "Retry", reason: REASON.RateLimited, message, atLeastMs: answer.forMs };
}
