/**
 * Leader election on one Lease, with client-go's algorithm and parameters. It answers one question: may this process
 * write now? What stops and starts with the answer is the composition root's business (docs/design.md,
 * Leases).
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
  /** Unique to this process, also across restarts: whoever bears it takes itself for the holder. */
  identity: string;
  clock: Clock;
  logger: Logger;
  /** Default 15 s, 10 s and 2 s, and always in this order. */
  leaseDurationMs?: number;
  renewDeadlineMs?: number;
  retryPeriodMs?: number;
}

/** One reading of both clocks. */
interface Instant {
  readonly wall: number;
  readonly monotonic: number;
}

/**
 * Why two processes never both hold the lease:
 *
 * - The server takes every write only on the version it was made from, so that of two candidates one loses.
 * - The holder counts its lease from before the renewing request was sent; everybody else counts it from after they saw
 *   the renewal, by their own monotonic clock. The holder's count ends first, whatever the network delays and whatever
 *   the wall clocks say.
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
  /** The lease as last seen, and when this process saw it change. */
  #seen: { lease: Lease; monotonic: number } | undefined;

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

  /** Stands for election until the signal aborts, then releases the lease. Never throws. To be called once. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#attempt(signal);
      // Candidates spread out; the holder keeps its period.
      const waitMs = this.#renewed ? this.#retryMs : this.#retryMs * (1 + 1.2 * this.#clock.random());
      await sleep(this.#clock, waitMs, signal).catch(() => {});
    }
    await this.#release();
  }

  /** True while the lease surely goes on for more than `marginMs`. Ask right before a write, not once per pass. */
  holds(marginMs = 0): boolean {
    return this.remainingMs() > marginMs;
  }

  /** Milliseconds for which the lease surely goes on; 0 when it is not ours. */
  remainingMs(): number {
    if (!this.#renewed) return 0;
    const elapsed = Math.max(
      this.#clock.monotonic() - this.#renewed.monotonic,
      this.#clock.now() - this.#renewed.wall,
    );
    return Math.max(0, this.#durationMs - elapsed);
  }

  /** Called with true on every gain and false on every loss. Returns the removal of the listener. */
  onChange(listener: (leading: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    if (this.#renewed && !this.holds()) this.#lost("it ran out by the clock");
    // As in client-go, so that one request that hangs does not use up the whole time for renewal.
    const late = () => new KubeError({ code: "KUBE_TIMEOUT", message: "the lease was not answered in time" });
    const limit = deadline(this.#clock, this.#deadlineMs / 2, late, signal);
    try {
      await this.#acquireOrRenew(limit.signal);
    } catch (error) {
      if (signal.aborted) return;
      // Losing a race is how elections go; everything else is worth a line.
      const beaten = isConflict(error) || isAlreadyExists(error);
      logger[beaten ? "debug" : "warn"]({ err: error, leading: !!this.#renewed }, "lease not written");
    } finally {
      limit.cancel();
    }
  }

  async #acquireOrRenew(signal: AbortSignal): Promise<void> {
    if (this.#renewed && this.#seen) {
      try {
        return await this.#write(this.#seen.lease, signal);
      } catch (error) {
        if (!isConflict(error) && !isNotFound(error)) throw error;
        // Somebody wrote in between, or we did and never heard of it. A look will tell.
      }
    }
    const lease = await this.#look(signal);
    if (this.#blocked(lease)) this.#lost("another process holds it");
    else await this.#write(lease, signal);
  }

  /** Reads the lease, and notes when it changed under our eyes. */
  async #look(signal: AbortSignal): Promise<Lease | undefined> {
    const { leases, namespace, name } = this.#options;
    try {
      const lease = await leases.get(namespace, name, { signal });
      const same = isDeepStrictEqual(lease.spec, this.#seen?.lease.spec);
      this.#seen = { lease, monotonic: same && this.#seen ? this.#seen.monotonic : this.#clock.monotonic() };
      return lease;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** True while the lease may still be another's. One that somebody deleted binds as long as it would have. */
  #blocked(lease: Lease | undefined): boolean {
    const spec = (lease ?? this.#seen?.lease)?.spec;
    if (!spec?.holderIdentity || spec.holderIdentity === this.#options.identity || !this.#seen) return false;
    const lastsMs =
      spec.leaseDurationSeconds === undefined ? this.#durationMs : spec.leaseDurationSeconds * 1000;
    return this.#clock.monotonic() - this.#seen.monotonic < lastsMs;
  }

  /** Takes or renews the lease, on exactly the version that was seen. */
  async #write(lease: Lease | undefined, signal: AbortSignal): Promise<void> {
    const { leases, namespace, name, identity } = this.#options;
    const began: Instant = { wall: this.#clock.now(), monotonic: this.#clock.monotonic() };
    const time = toMicroTime(began.wall);
    const mine = lease?.spec?.holderIdentity === identity;
    const transitions = lease?.spec?.leaseTransitions ?? 0;
    const spec: NonNullable<Lease["spec"]> = {
      holderIdentity: identity,
      // The field holds whole seconds. Rounded up, others wait rather too long than too short.
      leaseDurationSeconds: Math.ceil(this.#durationMs / 1000),
      renewTime: time,
      ...(mine ? {} : { acquireTime: time, leaseTransitions: lease ? transitions + 1 : 0 }),
    };
    const written = lease
      ? await leases.mergePatch(namespace, name, { metadata: version(lease), spec }, { signal })
      : await leases.create(namespace, { metadata: { name, namespace }, spec }, { signal });
    this.#won(written, began);
  }

  #won(lease: Lease, began: Instant): void {
    const { logger, name, identity } = this.#options;
    const gained = !this.#renewed;
    this.#seen = { lease, monotonic: this.#clock.monotonic() };
    this.#renewed = began;
    this.#stepDown();
    const leftMs = began.monotonic + this.#deadlineMs - this.#clock.monotonic();
    this.#stepDown = this.#clock.after(leftMs, () => this.#lost("it was not renewed in time"));
    if (!gained) return;
    logger.info({ lease: name, identity }, "leading");
    this.#tell(true);
  }

  #lost(reason: string): void {
    if (!this.#renewed) return;
    this.#renewed = undefined;
    this.#stepDown();
    this.#options.logger.info({ lease: this.#options.name, reason }, "no longer leading");
    this.#tell(false);
  }

  /** Lets the next one in at once. Whoever stops has to have stopped writing before. */
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
      // A renewal that the stop cut short may have taken effect, so that only a fresh look knows the version.
      const lease = await this.#look(limit.signal);
      if (lease?.spec?.holderIdentity !== identity) return;
      await leases.mergePatch(namespace, name, { metadata: version(lease), spec }, { signal: limit.signal });
    } catch (error) {
      logger.warn({ err: error }, "lease not released; it will run out");
    } finally {
      limit.cancel();
    }
  }

  #tell(leading: boolean): void {
    for (const listener of this.#listeners) {
      try {
        listener(leading);
      } catch (error) {
        this.#options.logger.error({ err: error, leading }, "a leadership listener threw");
      }
    }
  }
}

/** The precondition of a write: exactly the object that was seen. */
function version({ metadata: { uid, resourceVersion } }: Lease): object {
  return { uid, resourceVersion };
}
