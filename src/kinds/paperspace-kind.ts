/**
 * What every kind of Paperspace answers alike at the seam of reconcile/kind.ts: by what a create is found again, what a
 * failed write comes to, what is forgotten when. A kind says otherwise where it has reason to.
 */
import { PaperspaceError } from "../paperspace/errors.ts";
import type { Observation } from "../reconcile/decide.ts";
import type { EventNote } from "../reconcile/event-notes.ts";
import type {
  AuthorizedContext,
  Decision,
  Failure,
  Gate,
  Kind,
  KindDefinition,
  ManagedObject,
  PerformContext,
  Performed,
  ReconcileContext,
  Step,
} from "../reconcile/kind.ts";
import type { Outcome, ReportedOutcome } from "../reconcile/outcome.ts";
import type { OwnershipFacts, Resolution } from "../reconcile/ownership.ts";
import { REASON } from "../reconcile/reasons.ts";
import type { AttemptName, CreateAttempt } from "../reconcile/record.ts";
import type { PaperspaceAccount as Account } from "./account.ts";
import { failureOf } from "./failure.ts";
import type { Inventory, Item } from "./inventory.ts";
import type { AccountCache, CloudObserver, CloudObserverOptions } from "./observer.ts";
import { resolveByName } from "./resolution.ts";

export abstract class PaperspaceKind<
  O extends ManagedObject,
  V extends Observation<M>,
  S extends Step,
  M extends Observation["memory"],
  W extends CloudObserver<O, V, AccountCache<Item>> = CloudObserver<O, V, AccountCache<Item>>,
  P extends Pick<CloudObserverOptions, "clock" | "settings"> = CloudObserverOptions,
> implements Kind<O, Account, V, S, M>
{
  abstract readonly definition: KindDefinition;
  protected readonly parts: P;
  protected readonly observer: W;

  constructor(parts: P, watch: W) {
    this.parts = parts;
    this.observer = watch;
  }

  abstract observe(facts: OwnershipFacts, context: ReconcileContext<O, Account>): V;
  abstract decide(observation: V): Decision<S, M>;
  abstract expectation(observation: V, context: ReconcileContext<O, Account>, attempt: CreateAttempt): M;
  abstract create(
    observation: V,
    context: AuthorizedContext<O, Account>,
    attempt: CreateAttempt,
    memory: M,
    gate: Gate,
  ): Promise<{ id: string; memory: M; outcome: Outcome }>;
  abstract status(
    observation: V,
    memory: M,
    outcome: ReportedOutcome,
    context: ReconcileContext<O, Account>,
  ): NonNullable<O["status"]>;

  /** `perform` of the seam; what it throws comes to what `refused` says. */
  protected abstract send(
    step: S,
    observation: V,
    memory: M,
    context: AuthorizedContext<O, Account>,
    tools: PerformContext<M>,
  ): Promise<Performed<M>>;

  /** Most listens to nothing beyond the looks that its view asks for. */
  track(_subject: ReconcileContext<O, Account>, _decision: Decision<S, M>): void {}

  /** A name is enough that nobody else has. */
  attemptName(_view: V, _subject: ReconcileContext<O, Account>, unique: string): AttemptName {
    return { name: unique };
  }

  resolve({ key, object, account }: AuthorizedContext<O, Account>, attempt: CreateAttempt): Resolution {
    return this.search(this.observer.of(account, object).inventory, key, attempt);
  }

  async perform(
    step: S,
    observation: V,
    memory: M,
    context: AuthorizedContext<O, Account>,
    tools: PerformContext<M>,
  ) {
    try {
      return await this.send(step, observation, memory, context, tools);
    } catch (error) {
      const { account, object, record } = context;
      // Whatever was said, the thing may not be what we took it for: a wrong state is answered in many ways.
      if (record && error instanceof PaperspaceError)
        this.observer.of(account, object).inventory.refresh(record.id);
      return this.refused(error, step, observation, context);
    }
  }

  fields(step: S & { changes?: readonly { field: string }[] }): readonly string[] {
    return step.changes?.map(({ field }) => field) ?? [];
  }

  events(_before: NonNullable<O["status"]>, _after: NonNullable<O["status"]>): readonly EventNote[] {
    return [];
  }

  failure(error: unknown): Failure | undefined {
    return failureOf(error, this.parts.settings.rechecks);
  }

  forget(key: string): void {
    this.observer.forget(key);
  }

  /** Forgets all that was seen, and stops all timers: others may have written meanwhile. */
  reset(): void {
    this.observer.reset();
  }

  /** What became of an attempt, by its name in the lists; `name` where that is not its own. */
  protected search(
    inventory: Inventory<Item>,
    key: string,
    attempt: CreateAttempt,
    name = attempt.name,
  ): Resolution {
    const { clock, settings } = this.parts;
    const { settleMs, limits } = settings;
    return resolveByName(
      inventory,
      key,
      attempt,
      { settleMs, lookMs: limits.lookMs, now: clock.now() },
      name,
    );
  }

  /** What a write that failed comes to; throws on what `failure` is to judge. */
  protected refused(
    error: unknown,
    step: S,
    { noun, memory }: V,
    _subject: AuthorizedContext<O, Account>,
  ): Performed<M> {
    if (!(error instanceof PaperspaceError) || error.code !== "PS_NOT_FOUND" || step.do !== "delete")
      throw error;
    // Gone already, or not shown just now: the look tells.
    const message = `the API does not know the ${noun} just now`;
    return { outcome: { kind: "Retry", reason: REASON.AbsenceUnconfirmed, message }, memory };
  }
}
