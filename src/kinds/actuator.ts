/**
 * How failed writes of every Paperspace kind end. What is sent is the kind's; here the resource is refreshed after a
 * failed write, and an API error becomes the result of the pass.
 */
import { PaperspaceError } from "../paperspace/errors.ts";
import type {
  Actuator,
  AuthorizedContextOf,
  CallFailure,
  CreateAnswer,
  KindTypes,
  PerformContext,
  Performed,
  SendContext,
} from "../reconcile/kind.ts";
import type { Sends } from "../reconcile/managed.ts";
import { REASON } from "../reconcile/reasons.ts";
import type { CreateAttempt } from "../reconcile/record.ts";
import type { PaperspaceAccount } from "./account.ts";
import type { AccountCache } from "./account-caches.ts";
import type { AttemptAges } from "./attempt-ages.ts";
import { failureOf, type Rechecks } from "./failure.ts";
import type { Item } from "./source.ts";

export interface PaperspaceTypes extends KindTypes {
  account: PaperspaceAccount;
}

export interface ActuatorOptions<T extends PaperspaceTypes> {
  rechecks: Rechecks;
  observer: {
    readonly attempts: AttemptAges;
    /** Where the resource of this object is cached. */
    of(account: PaperspaceAccount, object: T["object"]): AccountCache<Item>;
  };
}

export abstract class PaperspaceActuator<T extends PaperspaceTypes> implements Actuator<T> {
  readonly #options: ActuatorOptions<T>;

  constructor(options: ActuatorOptions<T>) {
    this.#options = options;
  }

  /** Sends exactly one create. */
  protected abstract sendCreate(
    observation: T["observation"],
    context: AuthorizedContextOf<T>,
    attempt: CreateAttempt,
    send: SendContext<T>,
  ): Promise<CreateAnswer<T>>;

  /** Performs the step; what it throws goes to `refused`. */
  protected abstract send(
    step: T["step"],
    observation: T["observation"],
    context: AuthorizedContextOf<T>,
    send: PerformContext<T>,
  ): Promise<Performed<T>>;

  sends({ do: what }: T["step"]): Sends | undefined {
    return what === "delete" ? "delete" : "change";
  }

  create(
    observation: T["observation"],
    context: AuthorizedContextOf<T>,
    attempt: CreateAttempt,
    send: SendContext<T>,
  ): Promise<CreateAnswer<T>> {
    // Announced just before: it settles from now on.
    this.#options.observer.attempts.knownSince(context.key, attempt);
    return this.sendCreate(observation, context, attempt, send);
  }

  async perform(
    step: T["step"],
    observation: T["observation"],
    context: AuthorizedContextOf<T>,
    send: PerformContext<T>,
  ): Promise<Performed<T>> {
    try {
      return await this.send(step, observation, context, send);
    } catch (error) {
      const { account, object, record } = context;
      // Whatever the error, the resource may not be in the assumed state: the API reports that in many ways.
      if (record && error instanceof PaperspaceError)
        this.#options.observer.of(account, object).inventory.refresh(record.id);
      return this.refused(error, step, observation, context);
    }
  }

  failure(error: unknown): CallFailure | undefined {
    return failureOf(error, this.#options.rechecks);
  }

  /** The result of a write that failed; rethrows what is left to `failure`. */
  protected refused(
    error: unknown,
    step: T["step"],
    { noun, memory }: T["observation"],
    _context: AuthorizedContextOf<T>,
  ): Performed<T> {
    if (!(error instanceof PaperspaceError) || error.code !== "PS_NOT_FOUND" || step.do !== "delete")
      throw error;
    // Gone already, or not shown just now: the next read decides.
    const message = `the API does not know the ${noun} just now`;
    return { outcome: { kind: "Retry", reason: REASON.AbsenceUnconfirmed, message }, memory };
  }
}
