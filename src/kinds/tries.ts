/**
 * What came to nothing of the candidates of a placement, as status has it, and for how long each is left alone. It is the
 * same for every kind, whatever its candidates consist of. Pure.
 */
import { parseDuration } from "../base/options.ts";
import { cut } from "../base/text.ts";
import { toTime } from "../kube/objects.ts";
import { ageOfTime } from "../reconcile/decision.ts";

interface Tried<P> {
  candidate: P;
  outcome: string;
  at: string;
  message?: string;
}

const MINUTE_MS = 60_000;
const COOL_DOWN_BASE_MS = 10 * MINUTE_MS;
const COOL_DOWN_MAX_MS = 2 * 60 * MINUTE_MS;
/** What came to nothing longer ago does not count. */
const REMEMBERED_MS = 24 * 60 * MINUTE_MS;
const TRIED = 20;
const MESSAGE_LENGTH = 256;

/** Those that count, oldest first. */
export function recentTries<T extends Pick<Tried<unknown>, "at">>(
  tried: readonly T[] | undefined,
  now: number,
): T[] {
  return (tried ?? []).filter(({ at }) => ageOfTime(at, now) < REMEMBERED_MS);
}

/**
 * Milliseconds for which a candidate is left alone after these tries of it, oldest first, have come to nothing. One whose date is
 * yet to come is of before the clock was set back: how long ago it was is not known, and nothing waits for that.
 */
export function coolDownMs(
  tries: readonly Pick<Tried<unknown>, "at">[],
  now: number,
  { baseMs, maxMs } = { baseMs: COOL_DOWN_BASE_MS, maxMs: COOL_DOWN_MAX_MS },
): number {
  const last = tries.findLast(({ at }) => ageOfTime(at, now) > -MINUTE_MS);
  if (!last) return 0;
  const wait = Math.min(baseMs * 2 ** Math.min(tries.length - 1, 20), maxMs);
  return Math.max(0, wait - ageOfTime(last.at, now));
}

/** With one more, of which no more is kept than a status has room for. */
export function withTried<T extends Tried<unknown>>(
  tried: readonly T[] | undefined,
  { message, ...entry }: Omit<T, "at">,
  now: number,
): T[] {
  const noted = {
    ...entry,
    at: toTime(now),
    ...(message !== undefined && { message: cut(message, MESSAGE_LENGTH) }),
  };
  return [...(tried ?? []), noted as T].slice(-TRIED);
}

/** How long a candidate is waited for: as declared, and `mostMs` at most. */
export function giveUpMs(giveUpAfter: string | undefined, mostMs: number): number {
  return Math.min(parseDuration(giveUpAfter ?? "") ?? Number.POSITIVE_INFINITY, mostMs);
}
