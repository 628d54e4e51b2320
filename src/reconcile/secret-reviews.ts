/**
 * Releases the Secrets that no pass releases: of objects that went without a pass, and those that an earlier process left.
 * Runs beside the passes, with a queue of its own, so that no object waits for another one's Secret.
 */
import type { Logger } from "pino";
import type { Clock } from "../base/clock.ts";
import { isConflict, isForbidden } from "../kube/errors.ts";
import { WorkQueue } from "../runtime/work-queue.ts";
import { type Result, Workers } from "../runtime/workers.ts";
import type { CredentialGuard } from "./credential-guard.ts";
import { DEFAULT_SECRET } from "./credentials.ts";
import type { CloudAccount, ManagedObject } from "./managed.ts";

export interface SecretReviewsOptions {
  clock: Clock;
  logger: Logger;
  guard: Pick<CredentialGuard<CloudAccount>, "review" | "referencesOf" | "isReleased">;
  /** The objects of all served kinds. */
  objects(): readonly ManagedObject[];
  /** Whether all kinds are listed. */
  complete(): boolean;
  /** Namespaces that are served although they may have no object. */
  namespaces: readonly string[];
}

/** The key that stands for a look at all Secrets that may carry our finalizer. No reference is empty. */
const ALL = "";
/** Until all kinds are listed; costs no call. */
const UNLISTED_MS = 1_000;

export class SecretReviews {
  readonly workers: Workers;
  readonly #options: SecretReviewsOptions;
  readonly #queue: WorkQueue;

  constructor(options: SecretReviewsOptions) {
    this.#options = options;
    const { clock, logger } = options;
    this.#queue = new WorkQueue({ clock });
    const reconcile = (key: string) => this.#review(key);
    this.workers = new Workers({ queue: this.#queue, concurrency: 1, reconcile, clock, logger });
  }

  /** The object is gone from the cluster, with or without a pass that released it. */
  gone(last: ManagedObject): void {
    // The leader reviews it; what is left by then is reviewed at the start of the next term.
    if (this.workers.paused) return;
    const { guard } = this.#options;
    if (!guard.isReleased(last)) for (const reference of guard.referencesOf(last)) this.#queue.add(reference);
  }

  /** At the start of the process, and of a term of leadership: nothing is known of what happened before. */
  resume(): void {
    this.#queue.add(ALL);
    this.workers.resume();
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#queue.add(ALL);
    await this.workers.run(signal);
    this.#queue.shutDown();
  }

  async #review(key: string): Promise<Result> {
    const { guard, complete } = this.#options;
    if (!complete()) return { kind: "after", ms: UNLISTED_MS };
    if (key === ALL) {
      for (const reference of this.#candidates()) this.#queue.add(reference);
      return { kind: "done" };
    }
    try {
      return (await guard.review(key)) ? { kind: "done" } : { kind: "after", ms: UNLISTED_MS };
    } catch (error) {
      if (isForbidden(error)) return { kind: "done" };
      if (isConflict(error)) return { kind: "retry" };
      throw error;
    }
  }

  /**
   * Secrets cannot be listed with the rights of the chart: those that objects name or named, and the default one of each
   * namespace that has objects.
   */
  #candidates(): Set<string> {
    const { guard, objects, namespaces } = this.#options;
    const all = objects();
    const served = new Set([...namespaces, ...all.map(({ metadata }) => metadata.namespace ?? "")]);
    const defaults = [...served].map((namespace) => `${namespace}/${DEFAULT_SECRET}`);
    return new Set([...defaults, ...all.flatMap((object) => guard.referencesOf(object))]);
  }
}
