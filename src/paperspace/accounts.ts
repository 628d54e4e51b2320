/**
 * From an API key to its account: probes each key once, shares one throttle per team. Where keys come from (Secrets,
 * environment) is up to the caller.
 */

import { createHash } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { PaperspaceError } from "./errors.ts";
import type { ApiMetrics } from "./metrics.ts";
import { readSession } from "./session.ts";
import { Throttle, type ThrottleOptions } from "./throttle.ts";
import { type CallOptions, type PaperspaceApi, Transport, type TransportOptions } from "./transport.ts";
import type { Sockets } from "./wire.ts";

export interface Account {
  /** Id of the team that the key belongs to. */
  readonly team: string;
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
  /** How long a refused key counts as refused without a new probe. */
  readonly recheckMs: number;
  /** After how long a key that no caller has is dropped, in milliseconds, and with its last key a team. */
  readonly unusedMs: number;
  readonly metrics?: ApiMetrics | undefined;
}

/** The state of one key. Exactly one probe runs or has run for it. */
interface ProbedKey {
  readonly probe: Promise<Account>;
  readonly beganAt: number;
  /** Monotonic time. */
  usedAt: number;
  /** Once it is accepted. */
  team?: string;
  /** The probe is running, returned an account, or was refused until a monotonic time. */
  state: "probing" | "accepted" | { readonly refusedUntil: number };
}

/** A key that was refused before gives way to new ones. */
const PRIORITY = { new: 1, refused: 0 } as const;

/** Eight characters that distinguish keys in logs and statuses and reveal nothing of the key. */
export function keyFingerprint(key: string): string {
  return digest(key.trim()).slice(0, 8);
}

export class Accounts {
  readonly #options: AccountsOptions;
  /** By SHA-256 of the key, so that the keys themselves are kept in as few places as possible. */
  readonly #probed = new Map<string, ProbedKey>();
  readonly #teams = new Map<string, { throttle: Throttle; usedAt: number }>();
  /** One budget for all keys that no team has accepted yet: anyone can invent some. */
  readonly #probes: Throttle;
  /** Pauses of keys without a known team: they outlive a failed probe, so that a 429 delays the next one of that key. */
  readonly #pauses = new Map<string, { throttle: Throttle; usedAt: number }>();
  readonly #closing = new AbortController();
  /** Monotonic time of the last removal of what is not used any more. */
  #sweptAt = 0;

  constructor(options: AccountsOptions) {
    this.#options = options;
    this.#probes = new Throttle(options.clock, options.throttle);
  }

  /**
   * The account of a key, by one GET /auth/session per key however many callers there are. Probes of new keys have the
   * budget of one team together, in which groups take turns; `group` is where the key comes from, such as a namespace.
   * Rejects with PS_UNAUTHORIZED when the key is not accepted, which is remembered for `recheckMs` (`retryAfterMs` is the
   * rest of it), or with the error of the request, which is not remembered.
   */
  async get(key: string, group = ""): Promise<Account> {
    const trimmed = key.trim();
    // No request can carry such a key, for example of a Secret with a whole file in it.
    if (!/^[\x21-\x7e]{1,1024}$/.test(trimmed)) {
      throw this.#refusal(
        trimmed === ""
          ? "the API key is empty"
          : "the API key holds characters that are not allowed in a key",
      );
    }
    const id = digest(trimmed);
    this.#sweep();
    const entry = this.#current(id) ?? this.#startProbe(id, trimmed, group);
    entry.usedAt = this.#options.clock.monotonic();
    if (typeof entry.state === "object") {
      throw this.#refusal(NOT_ACCEPTED, entry.state.refusedUntil - this.#options.clock.monotonic());
    }
    return entry.probe;
  }

  /** Keys that are remembered, accepted or not. */
  get size(): number {
    return this.#probed.size;
  }

  /**
   * Drops an accepted key after a 401 to another call. `beganAt`: when the refused call began; one that began before the
   * last probe is ignored. A refusal stays remembered, and a running probe is not repeated.
   */
  invalidate(key: string, beganAt: number = Number.POSITIVE_INFINITY): void {
    this.#invalidate(digest(key.trim()), beganAt);
  }

  /** Sends no further requests; waiting ones are rejected with PS_NOT_SENT. The caller closes the sockets. */
  close(): void {
    this.#closing.abort();
    this.#probes.close();
    for (const { throttle } of this.#teams.values()) throttle.close();
  }

  #invalidate(id: string, beganAt: number): void {
    const entry = this.#probed.get(id);
    if (entry?.state === "accepted" && beganAt >= entry.beganAt) this.#probed.delete(id);
  }

  #current(id: string): ProbedKey | undefined {
    const entry = this.#probed.get(id);
    const expired =
      typeof entry?.state === "object" && entry.state.refusedUntil <= this.#options.clock.monotonic();
    return expired ? undefined : entry;
  }

  #startProbe(id: string, key: string, group: string): ProbedKey {
    const { clock, recheckMs } = this.#options;
    const priority = this.#probed.has(id) ? PRIORITY.refused : PRIORITY.new;
    const probe = this.#probe(id, key, { group, priority });
    const now = clock.monotonic();
    const entry: ProbedKey = { probe, beganAt: now, usedAt: now, state: "probing" };
    this.#probed.set(id, entry);
    entry.probe.then(
      ({ team }) => {
        entry.state = "accepted";
        entry.team = team;
      },
      (error: unknown) => {
        const refused = error instanceof PaperspaceError && error.code === "PS_UNAUTHORIZED";
        if (refused) entry.state = { refusedUntil: clock.monotonic() + recheckMs };
        else this.#probed.delete(id);
      },
    );
    return entry;
  }

  async #probe(
    id: string,
    key: string,
    turn: Required<Pick<CallOptions, "group" | "priority">>,
  ): Promise<Account> {
    const probing = this.#transport(key, this.#probeThrottle(id));
    const session = await readSession(probing, { ...turn, signal: this.#closing.signal }).catch(
      (error: unknown) => {
        const refused = error instanceof PaperspaceError && error.code === "PS_UNAUTHORIZED";
        throw refused ? this.#refusal(NOT_ACCEPTED) : error;
      },
    );
    if (!session) throw this.#refusal(NOT_ACCEPTED);
    this.#pauses.delete(id);
    const { team, maxMachines } = session;
    const api = this.#transport(key, this.#throttleOf(team), {
      onUnauthorized: (beganAt) => this.#invalidate(id, beganAt),
      mostPages: mostPagesOf(maxMachines),
    });
    return Object.freeze({ team, api });
  }

  /** The pause after a 429 is the key's own, the budget is that of all: one key never delays the probes of another. */
  #probeThrottle(id: string): TransportOptions["throttle"] {
    const { clock, throttle } = this.#options;
    const own = this.#pauses.get(id)?.throttle ?? new Throttle(clock, throttle);
    this.#pauses.set(id, { throttle: own, usedAt: clock.monotonic() });
    return {
      run: (task, admission) => own.run(() => this.#probes.run(task, admission), admission),
      rateLimited: (beganAt, retryAfterMs) => own.rateLimited(beganAt, retryAfterMs),
      succeeded: (beganAt) => own.succeeded(beganAt),
    };
  }

  #transport(
    apiKey: string,
    throttle: TransportOptions["throttle"],
    more: Pick<TransportOptions, "onUnauthorized" | "mostPages"> = {},
  ): Transport {
    return new Transport({ ...this.#options, apiKey, throttle, ...more });
  }

  #throttleOf(team: string): Throttle {
    const { clock, throttle, metrics } = this.#options;
    const found = this.#teams.get(team)?.throttle ?? new Throttle(clock, throttle, metrics?.throttle(team));
    this.#teams.set(team, { throttle: found, usedAt: clock.monotonic() });
    if (this.#closing.signal.aborted) found.close();
    return found;
  }

  /** Keys of deleted Secrets must not stay for ever, nor what was kept for the teams that they gave access to. */
  #sweep(): void {
    const { clock, recheckMs, unusedMs, metrics } = this.#options;
    const now = clock.monotonic();
    if (now - this.#sweptAt < recheckMs) return;
    this.#sweptAt = now;
    const isUnused = ({ usedAt }: { usedAt: number }) => now - usedAt >= unusedMs;
    for (const [id, entry] of this.#probed) {
      const { state } = entry;
      // A refused key that is in use is probed again within the recheck.
      const isOver = typeof state === "object" ? state.refusedUntil + recheckMs <= now : isUnused(entry);
      if (state !== "probing" && isOver) this.#probed.delete(id);
    }
    for (const [id, pause] of this.#pauses) if (isUnused(pause)) this.#pauses.delete(id);
    const teams = new Set(Array.from(this.#probed.values(), ({ team }) => team));
    for (const [team, entry] of this.#teams) {
      if (teams.has(team) || !isUnused(entry)) continue;
      this.#teams.delete(team);
      metrics?.forget(team);
    }
  }

  #refusal(message: string, retryAfterMs: number = this.#options.recheckMs): PaperspaceError {
    return new PaperspaceError("PS_UNAUTHORIZED", message, { effect: "none", retryAfterMs });
  }
}

/** Twice what the quota allows, and some: a list without end is not read for ever. */
function mostPagesOf(maxMachines: number): number {
  const known = Number.isFinite(maxMachines) ? maxMachines : 0;
  return Math.max(500, Math.ceil((2 * known) / 120) + 10);
}

const NOT_ACCEPTED = "Paperspace does not accept the API key";

function digest(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}
