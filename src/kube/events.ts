/**
 * Writes Kubernetes Events (events.k8s.io/v1), each at most once, in order, and without blocking a pass. Which Events
 * are recorded is decided by the callers.
 */

import { hash } from "node:crypto";
import type { Logger } from "pino";
import { type Clock, sleep } from "../base/clock.ts";
import { clip, plainReason } from "../base/plain-text.ts";
import { withoutTrailing } from "../base/text.ts";
import { isAlreadyExists, isTransient } from "./errors.ts";
import { type KubeObject, keyOf, toMicroTime } from "./objects.ts";
import type { KubeEvent, Resource } from "./resource.ts";

export interface EventToRecord {
  /** The object the Event is about; its metadata.uid is part of the Event's name. */
  regarding: KubeObject;
  type: "Normal" | "Warning";
  /** CamelCase: why. */
  reason: string;
  /** CamelCase: what the operator did or tried. */
  action: string;
  /** For the user; clipped to 1024 bytes. */
  note: string;
  /** Identifies the event: a second one of the same object and id is not written. */
  id: string;
}

export interface EventMetrics {
  written(): void;
  dropped(): void;
}

export interface EventRecorderOptions {
  events: Pick<Resource<KubeEvent>, "create">;
  clock: Clock;
  logger: Logger;
  /** Name of this program, e.g. paperspace.com/operator. */
  controller: string;
  /** Name of this process, e.g. the pod's. */
  instance: string;
  metrics?: EventMetrics;
  /** Length of the queue; further events are dropped. Default 1000. */
  capacity?: number;
}

const SILENT: EventMetrics = { written() {}, dropped() {} };

/** Limits of the API server: name, note, and the instance that reports. */
const NAME_LENGTH = 253;
const NOTE_BYTES = 1024;
const INSTANCE_LENGTH = 128;
/** Events remembered as written. Older ones are dropped: then the server's AlreadyExists prevents duplicates. */
const REMEMBERED = 4096;
const ATTEMPTS = 4;

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #metrics: EventMetrics;
  readonly #queue: KubeEvent[] = [];
  /** In the order of their last use. */
  readonly #recorded = new Set<string>();
  #draining: Promise<void> | undefined;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#metrics = options.metrics ?? SILENT;
  }

  /** Never throws and never waits. */
  record(event: EventToRecord): void {
    const object = toKubeEvent(event, this.#options);
    const key = keyOf(object);
    if (this.#recorded.delete(key)) {
      this.#recorded.add(key);
      return;
    }
    if (this.#queue.length >= (this.#options.capacity ?? 1000))
      return this.#drop(object, "too many events wait");
    this.#remember(key);
    this.#queue.push(object);
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
    });
  }

  /** Resolves once everything recorded so far is written or given up, at the latest after `timeoutMs`. */
  async flush(timeoutMs = 5000): Promise<void> {
    if (!this.#draining) return;
    const late = new AbortController();
    await Promise.race([this.#draining, sleep(this.#options.clock, timeoutMs, late.signal)]).finally(() =>
      late.abort(new Error("flushed")),
    );
  }

  /** One after the other, so that the events of an object are written in the order in which they occurred. */
  async #drain(): Promise<void> {
    for (let event = this.#queue[0]; event; event = this.#queue[0]) {
      await this.#write(event);
      this.#queue.shift();
    }
  }

  async #write(event: KubeEvent): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#options.events.create(event.metadata.namespace ?? "default", event);
        return this.#metrics.written();
      } catch (error) {
        // An earlier process wrote it, or an attempt of ours whose answer was lost.
        if (isAlreadyExists(error)) return this.#metrics.written();
        if (!isTransient(error) || attempt === ATTEMPTS) return this.#drop(event, error);
        await sleep(this.#options.clock, Math.max(500 * 2 ** attempt, error.retryAfterMs ?? 0));
      }
    }
  }

  #drop(event: KubeEvent, why: unknown): void {
    this.#recorded.delete(keyOf(event));
    this.#metrics.dropped();
    const { reason, note, regarding } = event;
    this.#options.logger.warn({ err: why, reason, note, regarding }, "an event was dropped");
  }

  #remember(key: string): void {
    this.#recorded.add(key);
    const [oldest] = this.#recorded;
    if (this.#recorded.size > REMEMBERED && oldest !== undefined) this.#recorded.delete(oldest);
  }
}

function toKubeEvent(event: EventToRecord, options: EventRecorderOptions): KubeEvent {
  const { metadata, apiVersion, kind } = event.regarding;
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    // Events of cluster-scoped objects live in "default": the API server requires it.
    metadata: { name: eventName(name, uid ?? "", event.id), namespace: namespace || "default" },
    eventTime: toMicroTime(options.clock.now()),
    reportingController: options.controller,
    reportingInstance: options.instance.slice(0, INSTANCE_LENGTH),
    action: plainReason(event.action),
    reason: plainReason(event.reason),
    type: event.type,
    note: clipNote(event.note),
    regarding: {
      ...(apiVersion === undefined ? {} : { apiVersion }),
      ...(kind === undefined ? {} : { kind }),
      name,
      ...(namespace ? { namespace } : {}),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
  };
}

/** The same for the same object and id, in every process: so the API server itself refuses the second one. */
function eventName(name: string, uid: string, id: string): string {
  const digest = hash("sha256", `${uid}/${id}`).slice(0, 16);
  // A name part must not end in a dot or a dash.
  const start = withoutTrailing(name.slice(0, NAME_LENGTH - digest.length - 1), ".-");
  return `${start}.${digest}`;
}

/** One plain line, cut at a whole character. */
function clipNote(note: string): string {
  const line = clip(note, NOTE_BYTES);
  const bytes = Buffer.from(line);
  if (bytes.length <= NOTE_BYTES) return line;
  return `${new TextDecoder().decode(bytes.subarray(0, NOTE_BYTES - 3), { stream: true })}...`;
}
