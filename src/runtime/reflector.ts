/**
 * Keeps a Store equal to what the API server holds, by list and watch, whatever the network does. It notifies handlers
 * of changes and depends on neither kinds nor queues (docs/design.md, Informers).
 */
import type { Logger } from "pino";
import { Backoff } from "../base/backoff.ts";
import { type Clock, deadline, nextTurn, sleep } from "../base/clock.ts";
import { isGone, isKube, isNotFound, isUnauthorized, KubeError } from "../kube/errors.ts";
import { compareVersions, type KubeList, type KubeObject, keyOf } from "../kube/objects.ts";
import { pages } from "../kube/pages.ts";
import type { KubeCallOptions, ListQuery, WatchQuery } from "../kube/resource.ts";
import type { Store, StoreChange } from "./store.ts";
import { BadLineError, lines, parseEvent, type WatchEvent } from "./watch-stream.ts";

/** What a reflector lists and watches; a Resource is one. */
export interface ListerWatcher<T extends KubeObject> {
  list(query: ListQuery, options: KubeCallOptions): Promise<KubeList<T>>;
  watch(query: WatchQuery, options: KubeCallOptions): Promise<AsyncIterable<Uint8Array>>;
  reloadCredentials?(): Promise<void>;
}

/** Must be quick: it is called synchronously, in the order of the changes. */
export type Handler<T> = (change: StoreChange<T>) => void;

export interface ReflectorMetrics {
  listed(): void;
  watched(): void;
  badLine(): void;
  failed(): void;
}

const SILENT: ReflectorMetrics = { listed() {}, watched() {}, badLine() {}, failed() {} };

export interface ReflectorOptions<T extends KubeObject> {
  source: ListerWatcher<T>;
  store: Store<T>;
  handlers: readonly Handler<T>[];
  /** Absent watches all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  clock: Clock;
  logger: Logger;
  metrics?: ReflectorMetrics;
}

/**
 * The state of the reflector. After a failure, `#stateAfter` decides whether the state changes.
 *
 *   streaming --end of the initial events--> watching      streaming: a watch that begins with all objects
 *   paging ----last page-------------------> watching      paging: for servers that refuse such a watch
 *   watching --410, or a line that never parses--> streaming or paging
 */
type State<T> =
  | { readonly kind: "streaming"; readonly received: Map<string, T> }
  | { readonly kind: "paging" }
  | { readonly kind: "watching" };

/** Watches end after 4 to 6 minutes, so that those of many clients do not end together. */
const WATCH_SECONDS = 300;
/** The server ends a watch by itself; one that outlives its timeout by this much has a dead connection. */
const MARGIN_SECONDS = 30;
/** A watch that lasted this long was healthy: the next failure is the first again. */
const HEALTHY_MS = 10_000;
/** A watch that ends sooner than this without an event is a failure, else the loop would spin. */
const SHORT_MS = 1_000;
/** Changes of a first list that the handlers get in one turn of the event loop. */
const CHANGES_A_TURN = 1_000;
/** After so many unreadable lines in a row at one version the objects are listed again. */
const BAD_LINES = 3;

export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #metrics: ReflectorMetrics;
  readonly #backoff: Backoff;
  readonly #firstList = Promise.withResolvers<void>();
  #state: State<T> = { kind: "streaming", received: new Map() };
  /** The version up to which the store is complete. It never goes back. */
  #version = "";
  #streamingRefused = false;
  #badLines = 0;
  #synced = false;
  #healthy = false;
  #unserved = false;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#metrics = options.metrics ?? SILENT;
    this.#backoff = new Backoff(options.clock, 1_000, 30_000);
  }

  /** True once the first list is in the store. */
  get synced(): boolean {
    return this.#synced;
  }

  /** True while the server does not serve the kind: then there are no objects of it. */
  get unserved(): boolean {
    return this.#unserved;
  }

  /** True while the last list or watch succeeded. */
  get healthy(): boolean {
    return this.#healthy;
  }

  /** Resolves at the first complete list; rejects with the signal's reason. */
  async whenSynced(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    await Promise.race([this.#firstList.promise, aborted.promise]).finally(() =>
      signal?.removeEventListener("abort", onAbort),
    );
  }

  /** Lists and watches until the signal aborts. Never throws. To be called once. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#state.kind === "paging") await this.#page(signal);
        else await this.#watch(signal);
      } catch (error) {
        // An abort ends the sleep of the back-off.
        if (!signal.aborted) await this.#recover(error, signal).catch(() => {});
      }
    }
    this.#healthy = false;
  }

  /** Lists page by page. An expired continue token throws 410, and the list starts again. */
  async #page(signal: AbortSignal): Promise<void> {
    const { source, store } = this.#options;
    const items: T[] = [];
    let version = "";
    for await (const page of pages(source, this.#scope(), { signal })) {
      for (const item of withTypeMeta(page)) items.push(store.held(item));
      version = page.metadata.resourceVersion ?? "";
    }
    await this.#replace(items, version);
    this.#backoff.reset();
  }

  /** Reads one watch to its end; throws unless it ended regularly. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { clock, source } = this.#options;
    const timeoutSeconds = Math.round(WATCH_SECONDS * (0.8 + 0.4 * clock.random()));
    const silent = () => new KubeError({ code: "KUBE_TIMEOUT", message: "the watch outlived its timeout" });
    const limit = deadline(clock, (timeoutSeconds + MARGIN_SECONDS) * 1000, silent, signal);
    const began = clock.monotonic();
    let events = 0;
    if (this.#state.kind === "streaming") this.#state = { kind: "streaming", received: new Map() };
    try {
      const stream = await source.watch(this.#watchQuery(timeoutSeconds), { signal: limit.signal });
      this.#metrics.watched();
      if (this.#state.kind === "watching") this.#healthy = true;
      for await (const line of lines(stream)) {
        await this.#handle(parseEvent<T>(line));
        events++;
      }
    } finally {
      limit.cancel();
      if (clock.monotonic() - began >= HEALTHY_MS) this.#backoff.reset();
    }
    if (this.#state.kind === "streaming")
      throw new Error("the watch ended before the end of its initial events");
    if (events === 0 && clock.monotonic() - began < SHORT_MS)
      throw new Error("the watch ended at once, without an event");
  }

  #watchQuery(timeoutSeconds: number): WatchQuery {
    const query = { ...this.#scope(), allowWatchBookmarks: true, timeoutSeconds };
    return this.#state.kind === "watching"
      ? { ...query, resourceVersion: this.#version }
      : { ...query, sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" };
  }

  #scope(): ListQuery {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }

  /** A promise only where there is something to wait for. */
  #handle(event: WatchEvent<T>): Promise<void> | undefined {
    const { store } = this.#options;
    if (this.#state.kind === "streaming") return this.#receive(event, this.#state.received);
    this.#badLines = 0;
    if (event.type === "BOOKMARK") this.#advance(event.version);
    else {
      this.#advance(event.object.metadata.resourceVersion ?? "");
      this.#notify(event.type === "DELETED" ? store.remove(event.object) : store.upsert(event.object));
    }
    return undefined;
  }

  /** Collects the initial events; the store sees them all at once, or not at all. */
  #receive(event: WatchEvent<T>, received: Map<string, T>): Promise<void> | undefined {
    if (event.type === "DELETED") received.delete(keyOf(event.object));
    else if (event.type !== "BOOKMARK")
      received.set(keyOf(event.object), this.#options.store.held(event.object));
    else if (event.initialEventsEnd) return this.#replace([...received.values()], event.version);
    return undefined;
  }

  /**
   * `items` as the store holds them. Of a first list the handlers are called over several turns of the event loop, for
   * which probes and the lease would wait otherwise; passes, which begin once it is complete, do so anyway.
   */
  async #replace(items: readonly T[], version: string): Promise<void> {
    if (compareVersions(version, this.#version) < 0) {
      // A stale API server, or an etcd restored from a backup: the store is newer.
      throw new Error(`refused a list of version ${version || "(none)"}: the store is at ${this.#version}`);
    }
    const { clock, namespace, store } = this.#options;
    const initial = !this.#synced;
    this.#version = version;
    this.#state = { kind: "watching" };
    this.#badLines = 0;
    this.#healthy = true;
    this.#unserved = false;
    this.#metrics.listed();
    const scope = namespace === undefined ? {} : { namespace };
    const changes = store.replace(items, { initial, areHeld: true, ...scope });
    const atOnce = initial ? CHANGES_A_TURN : changes.length;
    for (let begin = 0; begin < changes.length; begin += atOnce) {
      if (begin > 0) await nextTurn(clock);
      this.#notify(changes.slice(begin, begin + atOnce));
    }
    this.#synced = true;
    this.#firstList.resolve();
  }

  #advance(version: string): void {
    if (compareVersions(version, this.#version) > 0) this.#version = version;
  }

  #notify(changes: readonly StoreChange<T>[]): void {
    for (const change of changes) {
      for (const handler of this.#options.handlers) {
        try {
          handler(change);
        } catch (error) {
          const context = { err: error, key: keyOf(change.object), change: change.type };
          this.#options.logger.error(context, "a handler threw; it does not get the change again");
        }
      }
    }
  }

  /** Sets the state to continue from after a failure, and waits. */
  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, logger, source } = this.#options;
    if (this.#state.kind === "streaming" && isKube(error, "KUBE_INVALID", "KUBE_BAD_REQUEST")) {
      logger.info({ err: error }, "the API server does not stream lists, listing by pages");
      this.#streamingRefused = true;
      this.#state = { kind: "paging" };
      return;
    }
    this.#healthy = false;
    this.#unserved = isNotFound(error);
    this.#metrics.failed();
    this.#state = this.#stateAfter(error);
    const waitMs = Math.max(this.#backoff.next(), isKube(error) ? (error.retryAfterMs ?? 0) : 0);
    logger.warn(
      { err: error, waitMs, next: this.#state.kind, version: this.#version },
      "list or watch failed",
    );
    if (isUnauthorized(error)) {
      await source.reloadCredentials?.().catch((err) => logger.warn({ err }, "credentials not reloaded"));
    }
    await sleep(clock, waitMs, signal);
  }

  #stateAfter(error: unknown): State<T> {
    if (error instanceof BadLineError) {
      this.#metrics.badLine();
      // What was read up to the bad line is in the store, so that the watch resumes there and loses nothing.
      return ++this.#badLines < BAD_LINES ? this.#state : { kind: "paging" };
    }
    switch (this.#state.kind) {
      case "watching":
        if (!isGone(error)) return this.#state;
        return this.#streamingRefused ? { kind: "paging" } : { kind: "streaming", received: new Map() };
      case "streaming":
        // An error answer has a reason; a stream that merely ends or hangs may come from a server that never marks the end.
        return isKube(error) && error.status !== 0 ? this.#state : { kind: "paging" };
      case "paging":
        return this.#state;
    }
  }
}

/** Items of built-in kinds come without apiVersion and kind: they follow from those of the list. */
function withTypeMeta<T extends KubeObject>(list: KubeList<T>): T[] {
  const kind = list.kind?.replace(/List$/, "");
  for (const item of list.items) {
    if (list.apiVersion !== undefined) item.apiVersion ??= list.apiVersion;
    if (kind !== undefined) item.kind ??= kind;
  }
  return list.items;
}
