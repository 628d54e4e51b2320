/**
 * Secrets and ConfigMaps that a spec refers to, read in the background. Of what they hold, only what the kind selects is
 * kept in memory, and goes nowhere from here by itself, neither into logs nor into errors.
 */
import PQueue from "p-queue";
import type { Clock } from "../base/clock.ts";
import { isForbidden, isNotFound } from "../kube/errors.ts";
import type { ConfigMap, Resource, Secret } from "../kube/resource.ts";
import { type LaneOptions, LaneQueue } from "../paperspace/lane-queue.ts";
import { isOurFinalizer } from "../reconcile/record.ts";
import { Lookup } from "./lookup.ts";
import type { MemoryBudget } from "./memory-budget.ts";

export interface KubeRef {
  kind: "Secret" | "ConfigMap";
  namespace: string;
  name: string;
}

/** What a Secret or ConfigMap holds. It may be a megabyte: use it, and do not keep it. */
export interface RefData {
  keys: readonly string[];
  /** The value of a key; undefined where there is none, or where it is not UTF-8 text. */
  text(key: string): string | undefined;
  /** UID of the controlling owner. */
  owner?: string;
  /** Objects use a key in it: it has the operator's finalizer. */
  hasApiKey?: true;
}

/** What a reference leads to; `kept` is what was selected of it. */
export type RefContent<T> = { state: "found"; kept: T } | { state: "notFound" } | { state: "forbidden" };

export interface KubeRefsOptions<T> {
  secrets: Pick<Resource<Secret>, "get">;
  /** Needed where ConfigMaps are referred to. */
  configMaps?: Pick<Resource<ConfigMap>, "get">;
  clock: Clock;
  /** What is kept of it; the rest is dropped. */
  select(data: RefData, ref: KubeRef): T | Promise<T>;
  /** After how long a content is stale, in milliseconds. */
  staleTimeMs(content: RefContent<T>): number;
  /** After how long what no object refers to any more is dropped, in milliseconds. */
  gcTimeMs: number;
  /** Where what is kept may be large: past it contents are dropped, and read again when they are needed. */
  budget?: MemoryBudget;
  /**
   * Whether a read that RBAC refuses is an error, which is retried with back-off and leaves the last content in the
   * cache, or a content of its own.
   */
  forbiddenIs: "error" | "content";
  /** Puts a key into the work queue. */
  enqueue(key: string): void;
}

/** Each holds the whole Secret in memory until what is kept of it is selected. */
const MOST_READS = 8;
/** Reads of a namespace that are under way or wait for their turn: as many as an object refers to, and some. */
const MOST_WAITING = 256;

export class KubeRefs<T> {
  readonly #options: KubeRefsOptions<T>;
  /** By `idOf`. */
  readonly #contents: Lookup<RefContent<T>>;
  /** By namespace: one with a thousand Secrets does not keep the others waiting. */
  readonly #reads = new PQueue<LaneQueue, LaneOptions>({ concurrency: MOST_READS, queueClass: LaneQueue });
  /** By namespace: reads that have not ended, and the keys whose reads are begun once few of them are left. */
  readonly #waiting = new Map<string, { reads: number; keys: Set<string> }>();

  constructor(options: KubeRefsOptions<T>) {
    const { clock, enqueue, staleTimeMs, gcTimeMs, budget } = options;
    this.#options = options;
    this.#contents = new Lookup({
      clock,
      enqueue,
      staleTimeMs,
      gcTimeMs,
      budget,
      read: (id) => this.#readInTurn(refOf(id)),
    });
  }

  /** As it was last read, however stale; undefined before a read succeeds. Begins no read. */
  get(ref: KubeRef): RefContent<T> | undefined {
    return this.#contents.get(idOf(ref));
  }

  get size(): number {
    return this.#contents.size;
  }

  /** Why the last read failed; undefined once one succeeds. */
  error(ref: KubeRef): unknown {
    return this.#contents.error(idOf(ref));
  }

  /** Milliseconds since it was read with success; undefined where it never was. */
  ageMs(ref: KubeRef): number | undefined {
    return this.#contents.ageMs(idOf(ref));
  }

  /** Forgets all of it. */
  reset(): void {
    this.#contents.reset();
  }

  /** Milliseconds until the back-off after a failed read is over; 0 where there is none. */
  retryInMs(ref: KubeRef): number {
    return this.#contents.retryInMs(idOf(ref));
  }

  /** Reads it, and queues the key then; or soon, where too many reads of the namespace wait for their turn. */
  fetch(ref: KubeRef, key: string): void {
    const waiting = this.#waiting.get(ref.namespace);
    if (waiting && waiting.reads >= MOST_WAITING) waiting.keys.add(key);
    else this.#contents.fetch(idOf(ref), key);
  }

  /** As `fetch`, where it is missing or stale. */
  fetchIfStale(ref: KubeRef, key: string): void {
    if (this.#contents.isStale(idOf(ref))) this.fetch(ref, key);
  }

  /** After a write, or at the user's request: what was read is stale. */
  invalidate(ref: KubeRef): void {
    this.#contents.invalidate(idOf(ref));
  }

  /** All that it holds now, for a step that needs a value itself. Throws what the read throws. */
  async read({ kind, namespace, name }: KubeRef): Promise<RefData> {
    const { secrets, configMaps } = this.#options;
    if (kind === "Secret") return secretData(await secrets.get(namespace, name));
    if (!configMaps) throw new Error("no ConfigMaps are read here");
    return configMapData(await configMaps.get(namespace, name));
  }

  /** Namespaces take turns. */
  async #readInTurn(ref: KubeRef): Promise<RefContent<T>> {
    const { namespace } = ref;
    const waiting = this.#waiting.get(namespace) ?? { reads: 0, keys: new Set() };
    this.#waiting.set(namespace, waiting);
    waiting.reads++;
    try {
      return await this.#reads.add(() => this.#content(ref), { group: namespace });
    } finally {
      waiting.reads--;
      this.#wake(namespace, waiting);
    }
  }

  /** One key, whose reads fill what has become free, and all where none is left whose end would wake them. */
  #wake(namespace: string, { reads, keys }: { reads: number; keys: Set<string> }): void {
    if (reads === 0) this.#waiting.delete(namespace);
    const [first] = keys;
    if (first === undefined || reads > MOST_WAITING / 2) return;
    for (const key of reads === 0 ? [...keys] : [first]) {
      keys.delete(key);
      this.#options.enqueue(key);
    }
  }

  async #content(ref: KubeRef): Promise<RefContent<T>> {
    const { select, forbiddenIs } = this.#options;
    let data: RefData;
    try {
      data = await this.read(ref);
    } catch (error) {
      if (isNotFound(error)) return { state: "notFound" };
      if (forbiddenIs === "content" && isForbidden(error)) return { state: "forbidden" };
      throw error;
    }
    return { state: "found", kept: await select(data, ref) };
  }
}

/** UID of the object that controls this one: garbage collection takes the two together. */
export function controllerUid({ metadata }: Pick<Secret, "metadata">): string | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
}

function secretData(secret: Secret): RefData {
  const { data = {} } = secret;
  const owner = controllerUid(secret);
  return {
    keys: Object.keys(data),
    text: (key) => decoded(data, key),
    ...(owner !== undefined && { owner }),
    ...(secret.metadata.finalizers?.some(isOurFinalizer) && { hasApiKey: true as const }),
  };
}

function configMapData({ data = {}, binaryData = {} }: ConfigMap): RefData {
  return {
    keys: Object.keys({ ...binaryData, ...data }),
    text: (key) => (Object.hasOwn(data, key) ? data[key] : decoded(binaryData, key)),
  };
}

/** As JSON: a name that is no name of Kubernetes must not stand for another object. */
function idOf({ kind, namespace, name }: KubeRef): string {
  return JSON.stringify([kind, namespace, name]);
}

function refOf(id: string): KubeRef {
  const [kind, namespace, name] = JSON.parse(id) as [KubeRef["kind"], string, string];
  return { kind, namespace, name };
}

/** Removes nothing, a byte order mark neither. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A key may be named like what every object has ("constructor"). */
function decoded(data: Record<string, string>, key: string): string | undefined {
  try {
    return Object.hasOwn(data, key) ? UTF8.decode(Buffer.from(data[key] ?? "", "base64")) : undefined;
  } catch {
    return undefined;
  }
}
