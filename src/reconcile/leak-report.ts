/**
 * What is reported of an object that is gone from the cluster, and whose resource was left in the cloud because another
 * actor removed the finalizer: a log line, a count and an Event. It writes nothing else.
 */
import type { Logger } from "pino";
import type { Cancel, Clock } from "../base/clock.ts";
import { keyOf } from "../kube/objects.ts";
import type { Kind, KindTypes } from "./kind.ts";
import { leakedResource, ownedAtLast } from "./ownership-facts.ts";
import { REASON } from "./reasons.ts";
import type { Reporter } from "./reporter.ts";

export interface LeakReportOptions<T extends KindTypes> {
  kind: Pick<Kind<T>, "definition" | "observer">;
  reporter: Pick<Reporter<T>, "note">;
  clock: Clock;
  logger: Logger;
  /** Counts an object that was deleted while its resource was left in the cloud. */
  leaked: () => void;
  /** True only while this process certainly holds the lease. */
  mayWrite: () => boolean;
  /** Another object that owns this cloud id. */
  ownerOf(id: string): string | undefined;
  /** How long after an end that was not observed it is read whether the resource is left, in milliseconds. */
  graceMs: number;
}

export class LeakReports<T extends KindTypes> {
  readonly #options: LeakReportOptions<T>;
  readonly #pending = new Set<Cancel>();

  constructor(options: LeakReportOptions<T>) {
    this.#options = options;
  }

  /**
   * `last` is the last known state of an object that is gone. Where that still has the finalizer, its end was missed (a
   * watch was broken): another process may have deleted what it owned, so that is read first.
   */
  gone(last: T["object"]): void {
    const { kind, clock, mayWrite, graceMs } = this.#options;
    const left = leakedResource(last, kind.definition);
    if (left !== undefined && mayWrite()) return this.#report(last, left);
    const owned = ownedAtLast(last);
    if (!owned) return;
    const cancel = clock.after(graceMs, () => {
      this.#pending.delete(cancel);
      void this.#reportIfLeft(last, owned);
    });
    this.#pending.add(cancel);
  }

  reset(): void {
    for (const cancel of this.#pending) cancel();
    this.#pending.clear();
  }

  async #reportIfLeft(last: T["object"], owned: { id: string; team: string }): Promise<void> {
    const { kind, logger, mayWrite, ownerOf } = this.#options;
    try {
      if (!mayWrite() || !(await kind.observer.isLeft?.(last, owned)) || ownerOf(owned.id)) return;
      this.#report(last, `${kind.definition.noun} ${owned.id}`);
    } catch (error) {
      logger.warn({ key: keyOf(last), id: owned.id, err: error }, "whether it was left cannot be read");
    }
  }

  #report(last: T["object"], left: string): void {
    const { reporter, logger, leaked } = this.#options;
    const note = `it went without the operator, so that ${left} was not deleted: it may go on costing. Delete it in the Paperspace console, or adopt it (spec.adoptId)`;
    logger.error({ key: keyOf(last), left }, "an object was deleted without its finalizer");
    leaked();
    const id = `${REASON.LeftBehind}/${last.metadata.uid}`;
    reporter.note(last, { type: "Warning", reason: REASON.LeftBehind, note, id });
  }
}
