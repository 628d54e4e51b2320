/**
 * Configurations that are too large to be held with each deployment that is observed: they are held apart from them, in a
 * budget that all projects share. What is dropped there is read again for the pass that needs it.
 */
import { hash } from "node:crypto";
import { heapBytes, type MemoryBudget } from "../memory-budget.ts";
import type { Deployment } from "./api.ts";

/** Bytes of a configuration that is held with its deployment: most have a fraction of that. */
const MOST_HELD = 32 * 1024;

/** In place of a configuration: another one has another digest. */
class Apart {
  readonly digest: string;

  constructor(digest: string) {
    this.digest = digest;
  }
}

export class LargeConfigs {
  readonly #budget: MemoryBudget;
  /** By id of the deployment. */
  readonly #configs = new Map<string, { digest: string; data: unknown }>();
  #stopped = false;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  /** The same deployment where it is small. `group`: the namespace that it is read for. */
  apart(deployment: Deployment, group: string): Deployment {
    const { id, latestSpec } = deployment;
    const size = heapBytes(latestSpec?.data ?? null);
    if (!latestSpec || size <= MOST_HELD) {
      this.forget(id);
      return deployment;
    }
    const digest = hash("sha256", JSON.stringify(latestSpec.data), "base64");
    this.#hold(id, { digest, data: latestSpec.data }, { group, size });
    return { ...deployment, latestSpec: { ...latestSpec, data: new Apart(digest) } };
  }

  /** Undefined where its configuration was dropped. */
  whole(deployment: Deployment): Deployment | undefined {
    const { id, latestSpec } = deployment;
    if (!(latestSpec?.data instanceof Apart)) return deployment;
    const config = this.#configs.get(id);
    if (config?.digest !== latestSpec.data.digest) return undefined;
    this.#budget.touch(config);
    return { ...deployment, latestSpec: { ...latestSpec, data: config.data } };
  }

  forget(id: string): void {
    const config = this.#configs.get(id);
    if (config) this.#budget.release(config);
    this.#configs.delete(id);
  }

  /** For good: reads that are under way hold nothing. */
  stop(): void {
    this.#stopped = true;
    for (const id of this.#configs.keys()) this.forget(id);
  }

  #hold(id: string, config: { digest: string; data: unknown }, share: { group: string; size: number }): void {
    if (this.#stopped) return;
    this.forget(id);
    this.#configs.set(id, config);
    this.#budget.hold(config, { ...share, drop: () => this.#configs.delete(id) });
  }
}
