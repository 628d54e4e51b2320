/**
 * From an API key to the account behind it: probes each key once, shares one throttle per team. Where keys come from
 * (Secrets, environment) is the caller's business.
 */

import { createHash } from "node:crypto";
import { Type } from "typebox";
import type { Clock } from "../base/clock.ts";
import { PaperspaceError } from "./errors.ts";
import type { ApiMetrics } from "./metrics.ts";
import { Throttle, type ThrottleOptions } from "./throttle.ts";
import { type PaperspaceApi, Transport } from "./transport.ts";
import type { Sockets } from "./wire.ts";

export interface Account {
  /** Id of the team that the key belongs to. */
  readonly team: string;
  /** The team's machine quota; Infinity where the session does not say. */
  readonly maxMachines: number;
  readonly api: PaperspaceApi;
}

export interface AccountsOptions {
  readonly clock: Clock;
  readonly sockets: Sockets;
  /** Version included, such as https://api.paperspace.com/v1. */
  readonly baseUrl: string;
  /** Our own version, for the user agent. */
  readonly version: string;
  /** Budget of one team. */
  readonly throttle: ThrottleOptions;
  /** Time for one try of a request. */
  readonly timeoutMs: number;
  /** How long a refused key is believed to be refused without asking again. */
  readonly recheckMs: number;
  readonly metrics?: ApiMetrics | undefined;
}

/** What is known of one key. Exactly one probe runs or has run for it. */
interface Known {
  readonly probe: Promise<Account>;
  readonly beganAt: number;
  /** The probe is under way, brought an account, or was refused until a monotonic time. */
  state: "asking" | "accepted" | { readonly refusedUntil: number };
}

/** Nothing else is relied on; a session of null is how the live API answers a bad key. */
const sessionSchema = Type.Union([
  Type.Null(),
  Type.Object({
    team: Type.Object({
      id: Type.String({ minLength: 1 }),
      maxMachines: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
    }),
  }),
]);

/** A probe decides for a whole fleet whether anything goes on, so it goes before other calls. */
const PROBE_PRIORITY = 100;

/** Eight characters that tell keys apart in logs and statuses and say nothing about the key. */
export function keyFingerprint(key: string): string {
  return digest(key.trim()).slice(0, 8);
}

export class Accounts {
  readonly #options: AccountsOptions;
  /** By SHA-256 of the key, so that the keys themselves are kept in as few places as possible. */
  readonly #known = new Map<string, Known>();
  readonly #teams = new Map<string, Throttle>();
  /** Throttles of keys whose team is not known yet: they outlive a failed probe, so that a 429 slows the next one. */
  readonly #strangers = new Map<string, Throttle>();
  readonly #closing = new AbortController();

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  /**
   * The account of a key, by one GET /auth/session per key however many ask. Rejects with PS_UNAUTHORIZED when the key
   * is not accepted, which is remembered for `recheckMs` (`retryAfterMs` says how much of it is left), or with what
   * went wrong on the way, which is not remembered.
   */
  async get(key: string): Promise<Account> {
    const trimmed = key.trim();
    // No request can carry such a key: a Secret with a whole file in it, say.
    if (!/^[\x21-\x7e]{1,1024}$/.test(trimmed)) {
      throw this.#refusal(
        trimmed === "" ? "the API key is empty" : "the API key holds characters that no key has",
      );
    }
    const id = digest(trimmed);
    const known = this.#usable(id) ?? this.#ask(id, trimmed);
    if (typeof known.state === "object") {
      throw this.#refusal(NOT_ACCEPTED, known.state.refusedUntil - this.#options.clock.monotonic());
    }
    return known.probe;
  }

  /**
   * Forgets that a key is good, after a 401 elsewhere. `beganAt`: when the refused call began; one that began before
   * our last probe is no news. A refusal stays remembered, and a probe under way is not repeated.
   */
  invalidate(key: string, beganAt: number = Number.POSITIVE_INFINITY): void {
    this.#invalidate(digest(key.trim()), beganAt);
  }

  /** Lets no request through any more; waiting ones are rejected with PS_NOT_SENT. Sockets are the caller's. */
  close(): void {
    this.#closing.abort();
    for (const throttle of this.#teams.values()) throttle.close();
  }

  #invalidate(id: string, beganAt: number): void {
    const known = this.#known.get(id);
    if (known?.state === "accepted" && beganAt >= known.beganAt) this.#known.delete(id);
  }

  #usable(id: string): Known | undefined {
    const known = this.#known.get(id);
    const over =
      typeof known?.state === "object" && known.state.refusedUntil <= this.#options.clock.monotonic();
    return over ? undefined : known;
  }

  #ask(id: string, key: string): Known {
    this.#forgetOldRefusals();
    const { clock, recheckMs } = this.#options;
    const known: Known = { probe: this.#probe(id, key), beganAt: clock.monotonic(), state: "asking" };
    this.#known.set(id, known);
    known.probe.then(
      () => {
        known.state = "accepted";
      },
      (error: unknown) => {
        const refused = error instanceof PaperspaceError && error.code === "PS_UNAUTHORIZED";
        if (refused) known.state = { refusedUntil: clock.monotonic() + recheckMs };
        else this.#known.delete(id);
      },
    );
    return known;
  }

  async #probe(id: string, key: string): Promise<Account> {
    const throttle = this.#strangers.get(id) ?? new Throttle(this.#options.clock, this.#options.throttle);
    this.#strangers.set(id, throttle);
    const session = await this.#transport(key, throttle)
      .request({
        method: "GET",
        path: "/auth/session",
        answer: sessionSchema,
        retry: "safe",
        priority: PROBE_PRIORITY,
        signal: this.#closing.signal,
      })
      .catch((error: unknown) => {
        const refused = error instanceof PaperspaceError && error.code === "PS_UNAUTHORIZED";
        throw refused ? this.#refusal(NOT_ACCEPTED) : error;
      });
    if (session.body === null) throw this.#refusal(NOT_ACCEPTED);
    this.#strangers.delete(id);
    const { id: team, maxMachines } = session.body.team;
    const api = this.#transport(key, this.#throttleOf(team), (beganAt) => this.#invalidate(id, beganAt));
    return Object.freeze({ team, maxMachines: maxMachines ?? Number.POSITIVE_INFINITY, api });
  }

  #transport(apiKey: string, throttle: Throttle, onUnauthorized?: (beganAt: number) => void): Transport {
    return new Transport({ ...this.#options, apiKey, throttle, onUnauthorized });
  }

  #throttleOf(team: string): Throttle {
    const { clock, throttle, metrics } = this.#options;
    const found = this.#teams.get(team) ?? new Throttle(clock, throttle, metrics?.throttle(team));
    this.#teams.set(team, found);
    if (this.#closing.signal.aborted) found.close();
    return found;
  }

  /** Keys of deleted Secrets never come back to be cleared. */
  #forgetOldRefusals(): void {
    for (const id of this.#known.keys()) {
      if (this.#usable(id)) continue;
      this.#known.delete(id);
      this.#strangers.delete(id);
    }
  }

  #refusal(message: string, retryAfterMs: number = this.#options.recheckMs): PaperspaceError {
    return new PaperspaceError("PS_UNAUTHORIZED", message, { effect: "none", retryAfterMs });
  }
}

const NOT_ACCEPTED = "Paperspace does not accept the API key";

function digest(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}
