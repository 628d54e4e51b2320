/**
 * Secrets and ConfigMaps that a spec refers to, read in the background and kept in memory only: their values go nowhere
 * from here by themselves, neither into logs nor into errors. What a kind does with a value is its own business.
 */
import type { Clock } from "../base/clock.ts";
import { isForbidden, isNotFound } from "../kube/errors.ts";
import type { ConfigMap, Resource, Secret } from "../kube/resource.ts";
import { Lookup } from "./lookup.ts";

export interface KubeRef {
  kind: "Secret" | "ConfigMap";
  namespace: string;
  name: string;
}

/** What a reference leads to. */
export type RefContent =
  /** By key; a value that is not UTF-8 text is undefined. `owner`: UID of the controlling owner. */
  | { state: "found"; values: Readonly<Record<string, string | undefined>>; owner?: string }
  | { state: "notFound" }
  | { state: "forbidden" };

export interface KubeRefsOptions {
  secrets: Pick<Resource<Secret>, "get">;
  /** Needed where ConfigMaps are referred to. */
  configMaps?: Pick<Resource<ConfigMap>, "get">;
  clock: Clock;
  /** After how long a content is stale, in milliseconds. */
  staleTimeMs(content: RefContent): number;
  /** After how long what no object refers to any more is dropped, in milliseconds. */
  gcTimeMs: number;
  /**
   * Whether a read that RBAC refuses is an error, which is retried with back-off and leaves the last content in the
   * cache, or a content of its own.
   */
  forbiddenIs: "error" | "content";
  /** Puts a key into the work queue. */
  enqueue(key: string): void;
}

export class KubeRefs {
  readonly #options: KubeRefsOptions;
  /** By "kind/namespace/name". */
  readonly #contents: Lookup<RefContent>;

  constructor(options: KubeRefsOptions) {
    const { clock, enqueue, staleTimeMs, gcTimeMs } = options;
    this.#options = options;
    this.#contents = new Lookup({
      clock,
      enqueue,
      staleTimeMs,
      gcTimeMs,
      read: (id) => this.#read(refOf(id)),
    });
  }

  /** As it was last read, however stale; undefined before a read succeeds. Begins no read. */
  get(ref: KubeRef): RefContent | undefined {
    return this.#contents.get(idOf(ref));
  }

  /** Why the last read failed; undefined once one succeeds. */
  error(ref: KubeRef): unknown {
    return this.#contents.error(idOf(ref));
  }

  /** Milliseconds until the back-off after a failed read is over; 0 where there is none. */
  retryInMs(ref: KubeRef): number {
    return this.#contents.retryInMs(idOf(ref));
  }

  /** Reads it, and queues the key then. */
  fetch(ref: KubeRef, key: string): void {
    this.#contents.fetch(idOf(ref), key);
  }

  /** Reads it where it is missing or stale, and queues the key then. */
  fetchIfStale(ref: KubeRef, key: string): void {
    this.#contents.fetchIfStale(idOf(ref), key);
  }

  /** After a write, or at the user's request: what was read is stale. */
  invalidate(ref: KubeRef): void {
    this.#contents.invalidate(idOf(ref));
  }

  async #read({ kind, namespace, name }: KubeRef): Promise<RefContent> {
    const { secrets, configMaps, forbiddenIs } = this.#options;
    try {
      if (kind === "Secret") return secretContent(await secrets.get(namespace, name));
      if (!configMaps) throw new Error("no ConfigMaps are read here");
      return configMapContent(await configMaps.get(namespace, name));
    } catch (error) {
      if (isNotFound(error)) return { state: "notFound" };
      if (forbiddenIs === "content" && isForbidden(error)) return { state: "forbidden" };
      throw error;
    }
  }
}

/** UID of the object that controls this one: garbage collection takes the two together. */
export function controllerUid({ metadata }: Pick<Secret, "metadata">): string | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
}

function secretContent(secret: Secret): RefContent {
  const owner = controllerUid(secret);
  return { state: "found", values: decoded(secret.data), ...(owner !== undefined && { owner }) };
}

function configMapContent({ data = {}, binaryData }: ConfigMap): RefContent {
  return { state: "found", values: { ...decoded(binaryData), ...data } };
}

/** Neither a kind nor the names of Kubernetes have a slash in them. */
function idOf({ kind, namespace, name }: KubeRef): string {
  return `${kind}/${namespace}/${name}`;
}

function refOf(id: string): KubeRef {
  const [kind, namespace = "", name = ""] = id.split("/");
  return { kind: kind === "ConfigMap" ? kind : "Secret", namespace, name };
}

function decoded(data: Record<string, string> = {}): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, text(value)]));
}

/** Removes nothing, a byte order mark neither. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function text(base64: string): string | undefined {
  try {
    return UTF8.decode(Buffer.from(base64, "base64"));
  } catch {
    return undefined;
  }
}
