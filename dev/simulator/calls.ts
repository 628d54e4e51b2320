/**
 * The log of all calls: requests and answers. Headers are left out and secrets in bodies are blacked out, so that the
 * log contains neither a key nor a secret.
 */

import type { Clock } from "../../src/base/clock.ts";

export interface Call {
  seq: number;
  /** Wall clock, ISO. */
  time: string;
  /** Undefined without a valid key. */
  team: string | undefined;
  method: string;
  /** /v1 included, query left out. */
  path: string;
  query: Record<string, string>;
  /** Parsed where it is JSON, as text where it is not; secrets and passwords blacked out. */
  body: unknown;
  /** Null while it waits, and for a connection that was cut. */
  status: number | null;
  outcome: "pending" | "answered" | "cut";
  /** Null while it waits. Clock time, not simulated time. */
  durationMs: number | null;
  /** The fault that was applied to it. */
  fault?: string;
}

/** Older calls are dropped beyond this, so that a simulator left alone for days stays small. */
const MOST_CALLS = 50_000;

/**
 * What the log keeps of bodies that carry a secret: the fields named here, and of the others that they were there. So no
 * value of a secret and no password of a registry leaves the simulator by its log, not even under a name misspelt.
 */
const KEPT: readonly [path: RegExp, fields: readonly string[]][] = [
  [/\/secrets(\/|$)/, ["name"]],
  [/\/container-registries(\/|$)/, ["name", "namespace", "url", "username", "kind"]],
];

export const REDACTED = "[redacted]";

function redacted(path: string, body: unknown): unknown {
  const fields = KEPT.find(([pattern]) => pattern.test(path))?.[1];
  if (!fields || body === undefined) return body;
  // Text that is no JSON may hold the secret anywhere.
  if (typeof body !== "object" || body === null || Array.isArray(body)) return REDACTED;
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, fields.includes(name) ? value : REDACTED]),
  );
}

export class Calls {
  readonly #clock: Clock;
  #calls: Call[] = [];
  readonly #onEnd: ((call: Call) => void) | undefined;
  #seq = 0;

  /** `onEnd` is called for every call that has ended. */
  constructor(clock: Clock, onEnd?: (call: Call) => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  open(call: Pick<Call, "team" | "method" | "path" | "query" | "body" | "fault">): Call {
    const entry: Call = {
      seq: ++this.#seq,
      time: new Date(this.#clock.now()).toISOString(),
      ...call,
      body: redacted(call.path, call.body),
      status: null,
      outcome: "pending",
      durationMs: null,
    };
    this.#calls.push(entry);
    if (this.#calls.length > MOST_CALLS * 1.1) this.#calls = this.#calls.slice(-MOST_CALLS);
    return entry;
  }

  close(call: Call, startedAt: number, status: number | null): void {
    call.status = status;
    call.outcome = status === null ? "cut" : "answered";
    call.durationMs = this.#clock.monotonic() - startedAt;
    this.#onEnd?.(call);
  }

  /** Calls in order of arrival; `path` is a string that the path must equal or an expression that it must match. */
  list(filter: { method?: string; path?: string | RegExp; since?: number } = {}): Call[] {
    const { method, path, since = 0 } = filter;
    return this.#calls.filter(
      (c) =>
        c.seq > since &&
        (method === undefined || c.method === method) &&
        (path === undefined || (typeof path === "string" ? c.path === path : path.test(c.path))),
    );
  }

  clear(): void {
    this.#calls = [];
  }
}
