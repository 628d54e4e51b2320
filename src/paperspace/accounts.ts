/**
 * From an API key to its account: probes each key once, shares one throttle per team. Where keys come from (Secrets,
 * environment) is up to the caller.
 */

import { hash } from "node:crypto";
import { backoffMs } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import { PaperspaceError } from "./errors.ts";
import type { FoundRates } from "./found-rates.ts";
import type { ApiMetrics } from "./metrics.ts";
import { ThrottlePermits } from "./permits.ts";
import { readSession } from "./session.ts";
import { Throttle, type ThrottleOptions } from "./throttle.ts";
import { type CallOptions, type PaperspaceApi, Transport, type TransportOptions } from "./transport.ts";
import type { Sockets } from "./wire.ts";

export interface Account {
  /** Id of the team that the key belongs to. */
  readonly team: string;
  readonly api: PaperspaceApi;
  /** As the probe of the key read it: the team's machine quota, and when, by the monotonic clock. */
  readonly quota: { readonly maxMachines: number; readonly readAt: number };
  /** Those of the team, which its keys have in common. */
  readonly permits: ThrottlePermits;
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

/** Who asks for the account of a key. */
export interface Caller {
  /** Distinguishes callers, such as the UID of an object. */
  readonly holder: string;
  /** Where the key comes from, such as a namespace. */
  readonly group: string;
  /** Called once the probe has ended that the caller waits for. */
  answered(): void;
}

/** The key is not accepted, or its probe failed: so it is until a monotonic time, and for callers that waited for it. */
interface Refused {
  readonly error: PaperspaceError;
  readonly until: number;
}

/** What is known of one key. At most one probe of it runs. */
interface ProbedKey {
  answer?: Account | Refused;
  isProbing: boolean;
  /** When the last probe began, and when a caller last asked; monotonic. */
  beganAt: number;
  usedAt: number;
  /** Probes that failed in a row, without an answer to whether the key is accepted. */
  failures: number;
  /** By holder: those that a running probe notifies. */
  readonly waiting: Map<string, () => void>;
  /** By holder that has not asked again since the probe ended that it waited for: when that was, monotonic. */
  readonly owed: Map<string, number>;
}

/** What the keys of a team have in common. */
interface Team {
  readonly throttle: Throttle;
  readonly permits: ThrottlePermits;
  /** Monotonic time. */
  readonly usedAt: number;
}

/** A key that was refused before gives way to new ones. */
const PRIORITY = { new: 1, refused: 0 } as const;
/** A probe that failed is repeated after this, doubled up to the longest. */
const FAILURE_BASE_MS = 1_000;
const FAILURE_MAX_MS = 60_000;

/** Eight characters that distinguish keys in logs and statuses and reveal nothing of the key. */
export function keyFingerprint(key: string): string {
  return digest(key.trim()).slice(0, 8);
}

export class Accounts {
  readonly #options: AccountsOptions;
  /** By SHA-256 of the key, so that the keys themselves are kept in as few places as possible. */
  readonly #probed = new Map<string, ProbedKey>();
  readonly #teams = new Map<string, Team>();
  /** Of teams without a key so far: what an earlier process has found. */
  #remembered: FoundRates = new Map();
  /** One budget for all keys that no team has accepted yet: anyone can invent some. */
  readonly #probes: Throttle;
  /** Pauses of keys without a known team: they outlive a failed probe, so that a 429 delays the next one of that key. */
  readonly #pauses = new Map<string, { throttle: Throttle; usedAt: number }>();
  readonly #closing = new AbortController();
  /** Monotonic time of the last removal of what is not used any more. */
  #sweptAt = 0;
  #calls = 0;

  constructor(options: AccountsOptions) {
    this.#options = options;
    this.#probes = new Throttle(options.clock, options.throttle);
  }

  /**
   * The account of a key; undefined where that is not known yet. Then the caller waits, and its next call after that
   * returns or throws what the probe brought, however long ago: one GET /auth/session for each key, however many callers
   * there are. Probes of new keys have the budget of one team together, in which groups take turns. Throws
   * PS_UNAUTHORIZED where the key is not accepted, which is remembered for `recheckMs` (`retryAfterMs` is the rest of it),
   * or the error of the request, which is remembered for a back-off.
   */
  open(key: string, { holder, group, answered }: Caller): Account | undefined {
    const trimmed = key.trim();
    // No request can carry such a key, for example of a Secret with a whole file in it.
    if (!/^[\x21-\x7e]{1,1024}$/.test(trimmed)) {
      throw refusal(
        trimmed === ""
          ? "the API key is empty"
          : "the API key holds characters that are not allowed in a key",
        this.#options.recheckMs,
      );
    }
    const id = digest(trimmed);
    this.#sweep();
    const entry = this.#entryOf(id);
    const now = this.#options.clock.monotonic();
    entry.usedAt = now;
    const { answer } = entry;
    const isOwed = entry.owed.delete(holder);
    if (answer && "api" in answer) return answer;
    if (answer && (isOwed || now < answer.until)) throw repeated(answer, now);
    entry.waiting.set(holder, answered);
    if (!entry.isProbing) this.#startProbe(id, trimmed, group, entry);
    return undefined;
  }

  /** As `open`, and waits for the probe: for programs that do nothing else meanwhile. */
  async get(key: string, group = ""): Promise<Account> {
    const holder = `call ${this.#calls++}`;
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const account = this.open(key, { holder, group, answered: resolve });
      if (account) return account;
      await promise;
    }
  }

  /** What an earlier process has found teams to allow; for those that this one has not asked yet. */
  remember(rates: FoundRates): void {
    this.#remembered = rates;
  }

  /** What teams were found to allow, where that is less than configured. */
  get foundRates(): FoundRates {
    const own = Array.from(this.#teams, ([team, { throttle }]) => [team, throttle.found] as const);
    const all = new Map<string, number | undefined>([...this.#remembered, ...own]);
    return new Map([...all].flatMap(([team, rate]) => (rate === undefined ? [] : [[team, rate] as const])));
  }

  /** Keys that are remembered, accepted or not. */
  get size(): number {
    return this.#probed.size;
  }

  /** Callers that wait for a probe, or have not come since it ended. */
  get callers(): number {
    return Array.from(this.#probed.values(), ({ waiting, owed }) => waiting.size + owed.size).reduce(
      (sum, one) => sum + one,
      0,
    );
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
    if (!entry?.answer || !("api" in entry.answer) || beganAt < entry.beganAt) return;
    this.#probed.delete(id);
  }

  #entryOf(id: string): ProbedKey {
    const known = this.#probed.get(id);
    if (known) return known;
    const times = { beganAt: 0, usedAt: 0, failures: 0 };
    const entry: ProbedKey = { ...times, isProbing: false, waiting: new Map(), owed: new Map() };
    this.#probed.set(id, entry);
    return entry;
  }

  #startProbe(id: string, key: string, group: string, entry: ProbedKey): void {
    const { clock, recheckMs } = this.#options;
    const priority = entry.answer ? PRIORITY.refused : PRIORITY.new;
    entry.isProbing = true;
    entry.beganAt = clock.monotonic();
    const ended = () => {
      entry.isProbing = false;
      const waiting = [...entry.waiting];
      entry.waiting.clear();
      // An account is there for any caller, and holders that are gone never come.
      if (entry.answer && "api" in entry.answer) entry.owed.clear();
      else for (const [holder] of waiting) entry.owed.set(holder, clock.monotonic());
      for (const [, answered] of waiting) answered();
    };
    this.#probe(id, key, { group, priority }).then(
      (account) => {
        entry.answer = account;
        entry.failures = 0;
        ended();
      },
      (caught: unknown) => {
        const error = caught instanceof PaperspaceError ? caught : failed(caught);
        const isRefused = error.code === "PS_UNAUTHORIZED";
        const pause = isRefused
          ? recheckMs
          : Math.max(
              error.retryAfterMs ?? 0,
              backoffMs(clock, FAILURE_BASE_MS, FAILURE_MAX_MS, entry.failures),
            );
        entry.failures = isRefused ? 0 : entry.failures + 1;
        entry.answer = { error, until: clock.monotonic() + pause };
        ended();
      },
    );
  }

  async #probe(
    id: string,
    key: string,
    turn: Required<Pick<CallOptions, "group" | "priority">>,
  ): Promise<Account> {
    const probing = this.#transport(key, this.#probeThrottle(id));
    const readAt = this.#options.clock.monotonic();
    const session = await readSession(probing, { ...turn, signal: this.#closing.signal }).catch(
      (error: unknown) => {
        const refused = error instanceof PaperspaceError && error.code === "PS_UNAUTHORIZED";
        throw refused ? refusal(NOT_ACCEPTED, this.#options.recheckMs) : error;
      },
    );
    if (!session) throw refusal(NOT_ACCEPTED, this.#options.recheckMs);
    this.#pauses.delete(id);
    const { team, maxMachines } = session;
    const { throttle, permits } = this.#teamOf(team);
    const api = this.#transport(key, throttle, {
      onUnauthorized: (beganAt) => this.#invalidate(id, beganAt),
      mostPages: mostPagesOf(maxMachines),
    });
    return Object.freeze({ team, api, permits, quota: { maxMachines, readAt } });
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

  #teamOf(team: string): Team {
    const { clock, throttle: options, metrics } = this.#options;
    const known = this.#teams.get(team);
    const found = this.#remembered.get(team);
    const throttle = known?.throttle ?? new Throttle(clock, { ...options, found }, metrics?.throttle(team));
    const permits = known?.permits ?? new ThrottlePermits(throttle);
    const entry = { throttle, permits, usedAt: clock.monotonic() };
    this.#teams.set(team, entry);
    if (this.#closing.signal.aborted) throttle.close();
    return entry;
  }

  /** Keys of deleted Secrets must not stay for ever, nor what was kept for the teams that they gave access to. */
  #sweep(): void {
    const { clock, recheckMs, unusedMs, metrics } = this.#options;
    const now = clock.monotonic();
    if (now - this.#sweptAt < recheckMs) return;
    this.#sweptAt = now;
    const isUnused = ({ usedAt }: { usedAt: number }) => now - usedAt >= unusedMs;
    for (const [id, entry] of this.#probed) {
      const { answer, isProbing, owed } = entry;
      for (const [holder, since] of owed) if (isUnused({ usedAt: since })) owed.delete(holder);
      // A key in use that is not accepted is probed again within the recheck.
      const isOver = answer && "until" in answer && owed.size === 0 && answer.until + recheckMs <= now;
      if (!isProbing && (isOver || isUnused(entry))) this.#probed.delete(id);
    }
    for (const [id, pause] of this.#pauses) if (isUnused(pause)) this.#pauses.delete(id);
    const teams = new Set(
      Array.from(this.#probed.values(), ({ answer }) => answer && "team" in answer && answer.team),
    );
    for (const [team, entry] of this.#teams) {
      if (teams.has(team) || !isUnused(entry)) continue;
      this.#teams.delete(team);
      metrics?.forget(team);
    }
  }
}

function refusal(message: string, retryAfterMs: number): PaperspaceError {
  return new PaperspaceError("PS_UNAUTHORIZED", message, { effect: "none", retryAfterMs });
}

/** What was answered before, with the time that is left of it. */
function repeated({ error, until }: Refused, now: number): PaperspaceError {
  return new PaperspaceError(error.code, error.message, { ...error, retryAfterMs: Math.max(0, until - now) });
}

/** A fault of this program: handled as a failure of the API, since the key is not known to be bad. */
function failed(caught: unknown): PaperspaceError {
  const message = caught instanceof Error ? caught.message : String(caught);
  return new PaperspaceError("PS_UNEXPECTED", message, { effect: "none" });
}

/** Of a quota that is believed: what the API says of it bounds no list. */
const MOST_MACHINES = 100_000;

/** Twice what the quota allows, and some: a list without end is not read for ever. */
export function mostPagesOf(maxMachines: number): number {
  const known = Number.isFinite(maxMachines) ? Math.min(maxMachines, MOST_MACHINES) : 0;
  return Math.max(500, Math.ceil((2 * known) / 120) + 10);
}

const NOT_ACCEPTED = "Paperspace does not accept the API key";

function digest(key: string): string {
  return hash("sha256", key);
}
