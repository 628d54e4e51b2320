/**
 * An API server in memory behind the KubeConnection interface, in virtual time: objects behave as in fake-storage.ts,
 * lists page, watches stream. Tests slow it down, break it and cut its streams by hand.
 */
import { type Cancel, type Clock, deadline, sleep } from "../../src/base/clock.ts";
import type { KubeConnection, KubeRequest } from "../../src/kube/connection.ts";
import { KubeError } from "../../src/kube/errors.ts";
import type { KubeObject } from "../../src/kube/objects.ts";
import { NAMESPACES } from "../../src/kube/resource.ts";
import { ByteStream } from "./byte-stream.ts";
import {
  answer,
  type Backup,
  BUILT_IN,
  type FakeEvent,
  FakeStorage,
  type FakeType,
  NAMESPACE_TYPE,
} from "./fake-storage.ts";

export type { FakeEvent, FakeType } from "./fake-storage.ts";

/** What happens to one request on its way. */
export interface Fault {
  /** Milliseconds until the request takes effect; it does so even if the caller has given up by then. */
  delayMs?: number;
  /** Milliseconds between the effect and the answer. */
  answerDelayMs?: number;
  /** `before`: it never takes effect; `after`: it does, and the answer is lost; `hang`: neither effect nor answer. */
  fail?: "before" | "after" | "hang";
  /** Default KUBE_UNREACHABLE. */
  error?: unknown;
}

export interface FakeKubeOptions {
  clock: Clock;
  /** Kinds beyond secrets, leases, events and configmaps; others are answered with 404. */
  types?: readonly FakeType[];
  namespace?: string;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: Record<string, unknown>;
  readonly body: unknown;
  readonly watch: boolean;
}

interface Target {
  of: FakeType;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string;
}

interface Watcher {
  readonly stream: ByteStream;
  readonly matches: (event: FakeEvent) => boolean;
  readonly of: FakeType;
  readonly bookmarks: boolean;
  /** Events leave in order, none before the one ahead of it: when the last one leaves, and how many wait. */
  nextAt: number;
  waiting: number;
}

export class FakeKube implements KubeConnection {
  readonly server = "https://fake.invalid";
  readonly namespace: string;
  readonly storage: FakeStorage;
  /** Every request that was sent, oldest first. */
  readonly calls: Call[] = [];
  /** How often credentials were reloaded. */
  reloads = 0;
  /** Decides the result of each request; may throw, which answers it at once. */
  intercept: (request: KubeRequest, call: Call) => Fault | undefined = () => undefined;
  /** Called after each change of an object, once all watches have it. May change objects itself. */
  onChange: (event: FakeEvent) => void = () => {};
  /** Milliseconds from a write until a watch reports it. */
  watchLagMs: () => number = () => 0;
  /** False refuses sendInitialEvents, as servers before 1.32 do. */
  streamingLists = true;
  /** How a watch from a compacted version is refused: as the first event, or as the HTTP status. */
  goneAs: "event" | "http" = "event";
  readonly #clock: Clock;
  readonly #types: FakeType[];
  readonly #watchers = new Set<Watcher>();
  readonly #continues = new Map<string, { version: number; items: KubeObject[] }>();

  constructor(options: FakeKubeOptions) {
    this.#clock = options.clock;
    this.namespace = options.namespace ?? "default";
    this.#types = [...BUILT_IN, ...(options.types ?? [])];
    this.storage = new FakeStorage(options.clock, (event) => this.#publish(event));
  }

  async request<T>(request: KubeRequest): Promise<T> {
    const body: unknown = request.body === undefined ? undefined : JSON.parse(JSON.stringify(request.body));
    const result = await this.#travel(request, body, () => this.#serve(request, body));
    return JSON.parse(JSON.stringify(result)) as T;
  }

  async stream(request: KubeRequest): Promise<AsyncIterable<Uint8Array>> {
    return this.#travel(request, undefined, () => this.#openWatch(request));
  }

  async reloadCredentials(): Promise<void> {
    this.reloads++;
  }

  async close(): Promise<void> {
    this.endStreams();
  }

  /** Open watches. */
  get watches(): number {
    return this.#watchers.size;
  }

  install(type: FakeType): void {
    this.#types.push(type);
  }

  /** Breaks every open watch, as a lost connection does. */
  cutStreams(
    error: unknown = new KubeError({ code: "KUBE_UNREACHABLE", message: "connection reset" }),
  ): void {
    for (const watcher of [...this.#watchers]) watcher.stream.end(error);
  }

  /** Ends every open watch in good order, as a server that restarts does. */
  endStreams(): void {
    for (const watcher of [...this.#watchers]) watcher.stream.end();
  }

  /** Sends these bytes on every open watch, as they are. */
  writeRaw(bytes: string): void {
    for (const watcher of this.#watchers) watcher.stream.write(bytes);
  }

  bookmark(): void {
    for (const watcher of this.#watchers)
      if (watcher.bookmarks) this.#send(watcher, this.#bookmarkLine(watcher.of));
  }

  /** Drops the history: watches from earlier versions and continue tokens get 410. */
  compact(): void {
    this.storage.compacted = this.storage.version;
    this.#continues.clear();
  }

  backup(): Backup {
    return this.storage.backup();
  }

  restore(backup: Backup): void {
    this.storage.restore(backup);
    this.cutStreams();
  }

  /** The network: delays, losses and the caller's patience around what the server does. */
  async #travel<R>(request: KubeRequest, body: unknown, serve: () => R): Promise<R> {
    const { method, path, query = {} } = request;
    const call: Call = { method, path, query, body, watch: query.watch === true };
    this.calls.push(call);
    request.signal?.throwIfAborted();
    const late = () =>
      new KubeError({ code: "KUBE_TIMEOUT", message: `${method} ${path}: no answer in time` });
    const limit = deadline(this.#clock, request.timeoutMs ?? 30_000, late, request.signal);
    const { promise: givenUp, reject } = Promise.withResolvers<never>();
    // Removed again: a signal made of several is kept alive by its listeners.
    const onAbort = () => reject(limit.signal.reason);
    limit.signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([givenUp, this.#carry(this.intercept(request, call) ?? {}, serve)]);
    } finally {
      limit.cancel();
      limit.signal.removeEventListener("abort", onAbort);
    }
  }

  async #carry<R>(fault: Fault, serve: () => R): Promise<R> {
    // Made only where it is thrown: the stack of an error costs more than the rest of a request.
    const error = () =>
      fault.error ?? new KubeError({ code: "KUBE_UNREACHABLE", message: "connection reset" });
    if (fault.fail === "hang") return new Promise(() => {});
    if (fault.delayMs) await sleep(this.#clock, fault.delayMs);
    if (fault.fail === "before") throw error();
    const answered = attempt(serve);
    // Error answers travel as slowly as good ones.
    if (fault.answerDelayMs) await sleep(this.#clock, fault.answerDelayMs);
    if (fault.fail === "after") throw error();
    return answered();
  }

  #serve(request: KubeRequest, body: unknown): unknown {
    const { of, namespace = "", name, subresource } = this.#target(request.path);
    const object = body as KubeObject;
    if (name === undefined) {
      if (request.method === "GET") return this.#list(request);
      if (request.method === "POST") return this.storage.create(of, namespace, object);
    } else {
      switch (request.method) {
        case "GET":
          return this.#implied(of, name) ?? this.storage.get(of, namespace, name);
        case "PUT":
          return this.storage.replace(of, namespace, name, object, subresource);
        case "PATCH":
          return this.storage.patch(of, namespace, name, object, subresource);
        case "DELETE": {
          const conditions = (body as { preconditions?: object } | undefined)?.preconditions;
          return (
            this.storage.delete(of, namespace, name, conditions) ?? { kind: "Status", status: "Success" }
          );
        }
      }
    }
    throw answer(405, "MethodNotAllowed", `${request.method} ${request.path}`);
  }

  /** A namespace that no test has made is there, without labels. */
  #implied(of: FakeType, name: string): KubeObject | undefined {
    return of.plural === NAMESPACES.plural && !this.storage.find(of, "", name)
      ? { metadata: { name } }
      : undefined;
  }

  /** Sets the labels of a namespace; `terminating`: it is being deleted. */
  label(name: string, labels: Record<string, string | null>, terminating = false): void {
    const of = NAMESPACE_TYPE;
    const finalizers = ["kubernetes"];
    if (!this.storage.find(of, "", name)) this.storage.create(of, "", { metadata: { name, finalizers } });
    this.storage.patch(of, "", name, { metadata: { name, labels } } as KubeObject);
    if (terminating) this.storage.delete(of, "", name);
  }

  #target(path: string): Target {
    const match =
      /^\/(?:api|apis\/(?<group>[^/]+))\/(?<version>[^/]+)(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<plural>[^/]+)(?:\/(?<name>[^/]+))?(?:\/(?<sub>[^/]+))?$/.exec(
        path,
      )?.groups;
    const of = this.#types.find(
      (type) =>
        type.group === (match?.group ?? "") &&
        type.version === match?.version &&
        type.plural === match?.plural,
    );
    if (!match || !of || (match.sub !== undefined && (match.sub !== "status" || of.status === false))) {
      throw answer(404, "NotFound", "the server could not find the requested resource");
    }
    return { of, namespace: match.namespace, name: match.name, subresource: match.sub ?? "" };
  }

  #list(request: KubeRequest): unknown {
    const { of, namespace } = this.#target(request.path);
    const query = request.query ?? {};
    let snapshot = {
      version: this.storage.version,
      items: this.storage.list(of, namespace).filter(selects(query)),
    };
    if (query.continue) {
      const rest = this.#continues.get(String(query.continue));
      if (!rest) throw answer(410, "Expired", "The provided continue parameter is too old");
      snapshot = rest;
    }
    const { version, items } = snapshot;
    const limit = Number(query.limit ?? items.length);
    const rest = items.slice(limit);
    const token = `${version}:${rest[0]?.metadata.name}:${this.calls.length}`;
    if (rest.length > 0) this.#continues.set(token, { version, items: rest });
    return {
      kind: `${of.kind}List`,
      apiVersion: apiVersion(of),
      metadata: { resourceVersion: String(version), ...(rest.length > 0 ? { continue: token } : {}) },
      items: items.slice(0, limit),
    };
  }

  #openWatch(request: KubeRequest): ByteStream {
    const { of, namespace } = this.#target(request.path);
    const query = request.query ?? {};
    const initial = query.sendInitialEvents === true;
    if (initial && !this.streamingLists) {
      throw answer(422, "Invalid", "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch");
    }
    const from = Number(query.resourceVersion || this.storage.version);
    // Made only where it is needed: a month of watches that begin again would make as many stacks.
    const gone = () =>
      answer(410, "Expired", `too old resource version: ${from} (${this.storage.compacted})`);
    if (!initial && from < this.storage.compacted && this.goneAs === "http") throw gone();

    let ended: Cancel = () => {};
    const stream = new ByteStream(() => {
      ended();
      this.#watchers.delete(watcher);
      request.signal?.removeEventListener("abort", onAbort);
    });
    const onAbort = () => stream.abort(request.signal?.reason);
    const chosen = selects(query);
    const watcher: Watcher = {
      stream,
      of,
      bookmarks: query.allowWatchBookmarks === true,
      matches: (event) =>
        event.of === of &&
        (namespace === undefined || event.object.metadata.namespace === namespace) &&
        chosen(event.object),
      nextAt: 0,
      waiting: 0,
    };
    request.signal?.addEventListener("abort", onAbort, { once: true });
    if (query.timeoutSeconds) {
      ended = this.#clock.after(Number(query.timeoutSeconds) * 1000, () => stream.end());
    }
    if (initial) {
      for (const object of this.storage.list(of, namespace).filter(chosen))
        stream.write(line("ADDED", object));
      stream.write(this.#bookmarkLine(of, { "k8s.io/initial-events-end": "true" }));
    } else if (from < this.storage.compacted) {
      const status = { kind: "Status", code: 410, reason: "Expired", message: gone().message };
      stream.write(line("ERROR", status));
      stream.end();
      return stream;
    } else {
      for (const event of this.storage.eventsAfter(from))
        if (watcher.matches(event)) stream.write(line(event.type, event.object));
    }
    this.#watchers.add(watcher);
    return stream;
  }

  #publish(event: FakeEvent): void {
    for (const watcher of this.#watchers) {
      if (watcher.matches(event)) this.#send(watcher, line(event.type, event.object));
    }
    this.onChange(event);
  }

  #send(watcher: Watcher, bytes: string): void {
    const now = this.#clock.monotonic();
    watcher.nextAt = Math.max(watcher.nextAt, now + this.watchLagMs());
    if (watcher.nextAt <= now && watcher.waiting === 0) return watcher.stream.write(bytes);
    watcher.waiting++;
    this.#clock.after(watcher.nextAt - now, () => {
      watcher.waiting--;
      watcher.stream.write(bytes);
    });
  }

  #bookmarkLine(of: FakeType, annotations?: Record<string, string>): string {
    const metadata = { resourceVersion: String(this.storage.version), creationTimestamp: null, annotations };
    return line("BOOKMARK", { kind: of.kind, apiVersion: apiVersion(of), metadata });
  }
}

/** Runs `fn` now; its result or error comes out when asked for. */
function attempt<R>(fn: () => R): () => R {
  try {
    const result = fn();
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function line(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function apiVersion(of: FakeType): string {
  return of.group === "" ? of.version : `${of.group}/${of.version}`;
}

/** metadata.name=x as field selector, k=v,k2=v2 as label selector; more is not understood. */
function selects(query: NonNullable<KubeRequest["query"]>): (object: KubeObject) => boolean {
  const labels = String(query.labelSelector ?? "").split(",");
  const name = /^metadata\.name=(.*)$/.exec(String(query.fieldSelector ?? ""))?.[1];
  return ({ metadata }) =>
    (name === undefined || metadata.name === name) &&
    labels.every((pair) => pair === "" || metadata.labels?.[pair.split("=")[0] ?? ""] === pair.split("=")[1]);
}
