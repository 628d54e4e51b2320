/**
 * Leader election on one Lease, with client-go's algorithm and parameters: whether this process may write now. What
 * starts and stops with leadership is decided in the composition root (docs/design.md, Leases).
 */
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import { type Cancel, type Clock, deadline, sleep } from "../base/clock.ts";
import { isAlreadyExists, isConflict, isNotFound, KubeError } from "../kube/errors.ts";
import { toMicroTime } from "../kube/objects.ts";
import type { Lease, Resource } from "../kube/resource.ts";

export interface LeadershipOptions {
  leases: Pick<Resource<Lease>, "get" | "create" | "mergePatch">;
  namespace: string;
  name: string;
  /** Unique to this process, also across restarts: a process with the holder's identity counts itself as the holder. */
  identity: string;
  clock: Clock;
  logger: Logger;
  /** Default 15 s, 10 s and 2 s, and always in this order. */
  leaseDurationMs?: number;
  renewDeadlineMs?: number;
  retryPeriodMs?: number;
  /** What the holder leaves for the next one: its renewals carry these annotations; null removes one. */
  annotations?: () => Readonly<Record<string, string | null>>;
}

/** One reading of both clocks. */
interface Instant {
  readonly wall: number;
  readonly monotonic: number;
}

/**
 * Why two processes never both hold the lease:
 *
 * - The server accepts a write only on the version that it was made from, so that of two candidates one loses.
 * - The holder counts its lease from before the renewing request was sent; every other process counts it from after it
 *   read the renewal, by their own monotonic clock. The holder's count ends first, whatever the network delays and whatever
 *   the wall clocks show.
 * - The holder counts by the wall clock too, and the earlier end wins: monotonic clocks stand still while a host sleeps.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #clock: Clock;
  readonly #durationMs: number;
  readonly #deadlineMs: number;
  readonly #retryMs: number;
  readonly #listeners = new Set<(leading: boolean) => void>();
  /** When the last successful renewal began; undefined while we do not lead. */
  #renewed: Instant | undefined;
  #stepDown: Cancel = () => {};
  #formerRenewal: number | undefined;
  /** The lease as last observed, and when this process observed a change of it. */
  #observed: { lease: Lease; monotonic: number } | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#durationMs = options.leaseDurationMs ?? 15_000;
    this.#deadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryMs = options.retryPeriodMs ?? 2_000;
    if (!(this.#durationMs > this.#deadlineMs && this.#deadlineMs > this.#retryMs && this.#retryMs > 0)) {
      throw new RangeError("a lease needs leaseDuration > renewDeadline > retryPeriod > 0");
    }
  }

  /** Runs for election until the signal aborts, then releases the lease. Never throws. To be called once. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#attempt(signal);
      // Jitter for candidates; the holder keeps its period.
      const waitMs = this.#renewed ? this.#retryMs : this.#retryMs * (1 + 1.2 * this.#clock.random());
      await sleep(this.#clock, waitMs, signal).catch(() => {});
    }
    await this.#release();
  }

  /** True while the lease is certain to last for more than `marginMs`. Call right before a write, not once per pass. */
  holds(marginMs = 0): boolean {
    return this.remainingMs() > marginMs;
  }

  /** Milliseconds for which the lease is certain to last; 0 when it is not ours. */
  remainingMs(): number {
    if (!this.#renewed) return 0;
    const elapsed = Math.max(
      this.#clock.monotonic() - this.#renewed.monotonic,
      this.#clock.now() - this.#renewed.wall,
    );
    return Math.max(0, this.#durationMs - elapsed);
  }

  /** An annotation of the lease, as last observed: on a gain, what the former holder has left. */
  annotation(name: string): string | undefined {
    return this.#observed?.lease.metadata.annotations?.[name];
  }

  /** Wall time at which the former holder renewed it last, by that one's clock; undefined where there was none. */
  get formerRenewal(): number | undefined {
    return this.#formerRenewal;
  }

  /** Called with true on every gain and false on every loss. Returns the removal of the listener. */
  onChange(listener: (leading: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    if (this.#renewed && !this.holds()) this.#lost("it expired by the clock");
    // As in client-go, so that one request that hangs does not use up the whole time for renewal.
    const late = () => new KubeError({ code: "KUBE_TIMEOUT", message: "the lease was not answered in time" });
    const limit = deadline(this.#clock, this.#deadlineMs / 2, late, signal);
    try {
      await this.#acquireOrRenew(limit.signal);
    } catch (error) {
      if (signal.aborted) return;
      // Losing a race is normal in an election; everything else is worth a warning.
      const lostRace = isConflict(error) || isAlreadyExists(error);
      logger[lostRace ? "debug" : "warn"]({ err: error, leading: !!this.#renewed }, "lease not written");
    } finally {
      limit.cancel();
    }
  }

  async #acquireOrRenew(signal: AbortSignal): Promise<void> {
    if (this.#renewed && this.#observed) {
      try {
        return await this.#write(this.#observed.lease, signal);
      } catch (error) {
        if (!isConflict(error) && !isNotFound(error)) throw error;
        // Another client wrote in between, or the answer to a write of ours was lost: read the lease.
      }
    }
    const lease = await this.#read(signal);
    if (this.#heldByOther(lease)) this.#lost("another process holds it");
    else await this.#write(lease, signal);
  }

  /** Reads the lease, and records when a change of it was observed. */
  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    const { leases, namespace, name } = this.#options;
    try {
      const lease = await leases.get(namespace, name, { signal });
      const same = isDeepStrictEqual(lease.spec, this.#observed?.lease.spec);
      this.#observed = {
        lease,
        monotonic: same && this.#observed ? this.#observed.monotonic : this.#clock.monotonic(),
      };
      return lease;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** True while another process may still hold the lease. A deleted one binds for as long as it would have. */
  #heldByOther(lease: Lease | undefined): boolean {
    const spec = (lease ?? this.#observed?.lease)?.spec;
    if (!spec?.holderIdentity || spec.holderIdentity === this.#options.identity || !this.#observed)
      return false;
    const durationMs =
      spec.leaseDurationSeconds === undefined ? this.#durationMs : spec.leaseDurationSeconds * 1000;
    return this.#clock.monotonic() - this.#observed.monotonic < durationMs;
  }

  /** Acquires or renews the lease, on exactly the version that was observed. */
  async #write(lease: Lease | undefined, signal: AbortSignal): Promise<void> {
    const { leases, namespace, name, identity } = this.#options;
    const began: Instant = { wall: this.#clock.now(), monotonic: this.#clock.monotonic() };
    const time = toMicroTime(began.wall);
    const isHolder = lease?.spec?.holderIdentity === identity;
    const transitions = lease?.spec?.leaseTransitions ?? 0;
    const spec: NonNullable<Lease["spec"]> = {
      holderIdentity: identity,
      // The field holds whole seconds; rounded up, so that others wait too long rather than too short.
      leaseDurationSeconds: Math.ceil(this.#durationMs / 1000),
      renewTime: time,
      ...(isHolder ? {} : { acquireTime: time, leaseTransitions: lease ? transitions + 1 : 0 }),
    };
    const written = lease
      ? await leases.mergePatch(
          namespace,
          name,
          { metadata: { ...version(lease), ...this.#left() }, spec },
          { signal },
        )
      : await leases.create(namespace, { metadata: { name, namespace }, spec }, { signal });
    if (!this.#renewed) this.#formerRenewal = wallOf(lease?.spec?.renewTime);
    this.#acquired(written, began);
  }

  /** Before it leads, a process has nothing to leave, and would overwrite what it has not read. */
  #left(): { annotations?: Readonly<Record<string, string | null>> } {
    const { annotations } = this.#options;
    return this.#renewed && annotations ? { annotations: annotations() } : {};
  }

  #acquired(lease: Lease, began: Instant): void {
    const { logger, name, identity } = this.#options;
    const acquired = !this.#renewed;
    this.#observed = { lease, monotonic: this.#clock.monotonic() };
    this.#renewed = began;
    this.#stepDown();
    const leftMs = began.monotonic + this.#deadlineMs - this.#clock.monotonic();
    this.#stepDown = this.#clock.after(leftMs, () => this.#lost("it was not renewed in time"));
    if (!acquired) return;
    logger.info({ lease: name, identity }, "leading");
    this.#notify(true);
  }

  #lost(reason: string): void {
    if (!this.#renewed) return;
    this.#renewed = undefined;
    this.#stepDown();
    this.#options.logger.info({ lease: this.#options.name, reason }, "no longer leading");
    this.#notify(false);
  }

  /** Lets the next candidate lead at once. The process MUST have stopped writing before. */
  async #release(): Promise<void> {
    const { leases, namespace, name, identity, logger } = this.#options;
    if (!this.#renewed) return;
    this.#lost("released");
    const late = () =>
      new KubeError({ code: "KUBE_TIMEOUT", message: "the release was not answered in time" });
    const limit = deadline(this.#clock, this.#deadlineMs / 2, late);
    const time = toMicroTime(this.#clock.now());
    const spec = { holderIdentity: "", leaseDurationSeconds: 1, acquireTime: time, renewTime: time };
    try {
      // A renewal that the stop aborted may have taken effect, so that only a fresh read has the version.
      const lease = await this.#read(limit.signal);
      if (lease?.spec?.holderIdentity !== identity) return;
      await leases.mergePatch(namespace, name, { metadata: version(lease), spec }, { signal: limit.signal });
    } catch (error) {
      logger.warn({ err: error }, "lease not released; it will expire");
    } finally {
      limit.cancel();
    }
  }

  #notify(leading: boolean): void {
    for (const listener of this.#listeners) {
      try {
        listener(leading);
      } catch (error) {
        this.#options.logger.error({ err: error, leading }, "a leadership listener threw");
      }
    }
  }
}

function wallOf(time: string | undefined): number | undefined {
  const ms = Date.parse(time ?? "");
  return Number.isNaN(ms) ? undefined : ms;
}

/** The precondition of a write: exactly the object that was observed. */
function version({ metadata: { uid, resourceVersion } }: Lease): object {
  return { uid, resourceVersion };
}
