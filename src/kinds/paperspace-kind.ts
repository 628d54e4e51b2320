/**
 * What every kind of Paperspace answers alike at the seam of reconcile/kind.ts: by what a create is found again, what a
 * failed write comes to, what is forgotten when. A kind says otherwise where it has reason to.
 */
import { PaperspaceError } from "../paperspace/errors.ts";
import type { ThingView } from "../reconcile/decide.ts";
import type { Announcement } from "../reconcile/event-notes.ts";
import type {
  Decision,
  Failure,
  Gate,
  Kind,
  KindDefinition,
  ManagedObject,
  Performed,
  Signed,
  Step,
  Subject,
  Tools,
} from "../reconcile/kind.ts";
import type { Outcome, Telling } from "../reconcile/outcome.ts";
import type { OwnershipFacts, Resolution } from "../reconcile/ownership.ts";
import { REASON } from "../reconcile/reasons.ts";
import type { AttemptName, Sought } from "../reconcile/record.ts";
import type { PaperspaceAccount as Account } from "./account.ts";
import { failureOf } from "./failure.ts";
import type { Inventory, Item } from "./inventory.ts";
import type { Known, Watch, WatchParts } from "./observer.ts";
import { resolveByName } from "./resolution.ts";

export abstract class PaperspaceKind<
  O extends ManagedObject,
  V extends ThingView<M>,
  S extends Step,
  M extends ThingView["memory"],
  W extends Watch<O, V, Known<Item>> = Watch<O, V, Known<Item>>,
  P extends Pick<WatchParts, "clock" | "settings"> = WatchParts,
> implements Kind<O, Account, V, S, M>
{
  abstract readonly definition: KindDefinition;
  protected readonly parts: P;
  protected readonly watch: W;

  constructor(parts: P, watch: W) {
    this.parts = parts;
    this.watch = watch;
  }

  abstract view(facts: OwnershipFacts, subject: Subject<O, Account>): V;
  abstract decide(view: V): Decision<S, M>;
  abstract expectation(view: V, subject: Subject<O, Account>, attempt: Sought): M;
  abstract create(
    view: V,
    subject: Signed<O, Account>,
    attempt: Sought,
    memory: M,
    gate: Gate,
  ): Promise<{ id: string; memory: M; outcome: Outcome }>;
  abstract status(
    view: V,
    memory: M,
    outcome: Telling,
    subject: Subject<O, Account>,
  ): NonNullable<O["status"]>;

  /** `perform` of the seam; what it throws comes to what `refused` says. */
  protected abstract send(
    step: S,
    view: V,
    memory: M,
    subject: Signed<O, Account>,
    tools: Tools<M>,
  ): Promise<Performed<M>>;

  /** Most listens to nothing beyond the looks that its view asks for. */
  follow(_subject: Subject<O, Account>, _decision: Decision<S, M>): void {}

  /** A name is enough that nobody else has. */
  attemptName(_view: V, _subject: Subject<O, Account>, unique: string): AttemptName {
    return { name: unique };
  }

  resolve({ key, object, account }: Signed<O, Account>, attempt: Sought): Resolution {
    return this.search(this.watch.of(account, object).inventory, key, attempt);
  }

  async perform(step: S, view: V, memory: M, subject: Signed<O, Account>, tools: Tools<M>) {
    try {
      return await this.send(step, view, memory, subject, tools);
    } catch (error) {
      const { account, object, record } = subject;
      // Whatever was said, the thing may not be what we took it for: a wrong state is answered in many ways.
      if (record && error instanceof PaperspaceError)
        this.watch.of(account, object).inventory.want(record.id);
      return this.refused(error, step, view, subject);
    }
  }

  fields(step: S & { changes?: readonly { field: string }[] }): readonly string[] {
    return step.changes?.map(({ field }) => field) ?? [];
  }

  news(_before: NonNullable<O["status"]>, _after: NonNullable<O["status"]>): readonly Announcement[] {
    return [];
  }

  failure(error: unknown): Failure | undefined {
    return failureOf(error, this.parts.settings.rechecks);
  }

  forget(key: string): void {
    this.watch.forget(key);
  }

  /** Forgets all that was seen, and stops all timers: others may have written meanwhile. */
  reset(): void {
    this.watch.reset();
  }

  /** What became of an attempt, by its name in the lists; `name` where that is not its own. */
  protected search(
    inventory: Inventory<Item>,
    key: string,
    attempt: Sought,
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
    _subject: Signed<O, Account>,
  ): Performed<M> {
    if (!(error instanceof PaperspaceError) || error.code !== "PS_NOT_FOUND" || step.do !== "delete")
      throw error;
    // Gone already, or not shown just now: the look tells.
    const message = `the API does not know the ${noun} just now`;
    return { outcome: { kind: "Retry", reason: REASON.AbsenceUnconfirmed, message }, memory };
  }
}
