/**
 * What the namespaces of objects say about them: their labels, and whether they are being deleted. Read by a get of the one
 * namespace, which a Role in it may grant, so that an operator of a few namespaces needs no right on the others.
 */
import type { Clock } from "../base/clock.ts";
import { isForbidden } from "../kube/errors.ts";
import type { KubeObject } from "../kube/objects.ts";
import type { Resource } from "../kube/resource.ts";
import { LABEL, type NamespaceFact } from "./management.ts";

export interface NamespacesOptions {
  namespaces: Pick<Resource<KubeObject>, "get">;
  clock: Clock;
  /** How long one read serves all objects of a namespace, in milliseconds. */
  ttlMs: number;
  /** What a namespace says is different from what it said at its last read. */
  changed(namespace: string): void;
}

interface Entry {
  /** Monotonic time at which the newest read began. */
  at: number;
  answer: Promise<NamespaceFact>;
  /** What the newest of the reads that have ended said, which began at `since`. */
  fact?: NamespaceFact;
  since?: number;
}

/** No pass lasts so long, in milliseconds: what was not read since is of a namespace without objects. */
const UNUSED_MS = 60 * 60_000;

export class Namespaces {
  readonly #options: NamespacesOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: NamespacesOptions) {
    this.#options = options;
  }

  /**
   * Throws what a later pass can recover from; a missing right is an answer. `since`: monotonic time before which the read
   * must not have begun.
   */
  read(namespace: string, since = Number.NEGATIVE_INFINITY): Promise<NamespaceFact> {
    const { clock, ttlMs } = this.#options;
    const at = clock.monotonic();
    const before = this.#entries.get(namespace);
    if (before && at - before.at < ttlMs && before.at >= since) return before.answer;
    for (const [other, entry] of this.#entries) if (at - entry.at >= UNUSED_MS) this.#entries.delete(other);
    const answer = this.#get(namespace);
    const entry: Entry = Object.assign(before ?? {}, { at, answer });
    this.#entries.set(namespace, entry);
    answer.then(
      (fact) => this.#note(namespace, entry, { fact, since: at }),
      () => {
        if (entry.answer === answer) entry.at = Number.NEGATIVE_INFINITY;
      },
    );
    return answer;
  }

  /** As read last, for checks that cannot wait. */
  known(namespace: string): NamespaceFact {
    return this.#entries.get(namespace)?.fact ?? { state: "unreadable", message: "it was not read yet" };
  }

  #note(namespace: string, entry: Entry, newest: Required<Pick<Entry, "fact" | "since">>): void {
    const { fact: before, since = Number.NEGATIVE_INFINITY } = entry;
    if (newest.since < since) return;
    Object.assign(entry, newest);
    if (before && JSON.stringify(before) !== JSON.stringify(newest.fact)) this.#options.changed(namespace);
  }

  async #get(namespace: string): Promise<NamespaceFact> {
    try {
      const { metadata } = await this.#options.namespaces.get("", namespace);
      const { labels = {}, deletionTimestamp } = metadata;
      const managementPolicy = labels[LABEL.managementPolicy];
      const deletionProtection = labels[LABEL.deletionProtection];
      return {
        state: "read",
        ...(managementPolicy !== undefined && { managementPolicy }),
        ...(deletionProtection !== undefined && { deletionProtection }),
        terminating: deletionTimestamp !== undefined,
      };
    } catch (error) {
      if (isForbidden(error)) return { state: "unreadable", message: error.message };
      throw error;
    }
  }
}
