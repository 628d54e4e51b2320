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

interface Read {
  /** Monotonic time at which it began. */
  at: number;
  answer: Promise<NamespaceFact>;
  /** What the last read that has ended said. */
  fact?: NamespaceFact;
}

/** No pass lasts so long, in milliseconds: what was not read since is of a namespace without objects. */
const UNUSED_MS = 60 * 60_000;

export class Namespaces {
  readonly #options: NamespacesOptions;
  readonly #reads = new Map<string, Read>();

  constructor(options: NamespacesOptions) {
    this.#options = options;
  }

  /** Throws what a later pass can recover from; a missing right is an answer. */
  read(namespace: string): Promise<NamespaceFact> {
    const { clock, ttlMs } = this.#options;
    const now = clock.monotonic();
    const before = this.#reads.get(namespace);
    if (before && now - before.at < ttlMs) return before.answer;
    for (const [other, { at }] of this.#reads) if (now - at >= UNUSED_MS) this.#reads.delete(other);
    const answer = this.#get(namespace);
    const read: Read = { at: now, answer, ...(before?.fact && { fact: before.fact }) };
    this.#reads.set(namespace, read);
    answer.then(
      (fact) => this.#note(namespace, read, fact),
      () => {
        read.at = Number.NEGATIVE_INFINITY;
      },
    );
    return answer;
  }

  /** As read last, for checks that cannot wait. */
  known(namespace: string): NamespaceFact {
    return this.#reads.get(namespace)?.fact ?? { state: "unreadable", message: "it was not read yet" };
  }

  #note(namespace: string, read: Read, fact: NamespaceFact): void {
    const { fact: before } = read;
    read.fact = fact;
    if (before && JSON.stringify(before) !== JSON.stringify(fact)) this.#options.changed(namespace);
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
