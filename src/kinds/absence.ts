/**
 * When a resource that a read by id does not find is gone for certain: by what the object's own credential has shown, by
 * time, and by what speaks against it (docs/design.md, Deletion). Pure.
 */
import type { AbsentResource } from "../reconcile/decision.ts";
import type { CompleteList } from "./list-history.ts";
import type { ListFailure, Misses } from "./source.ts";

/** What speaks against the absence of a resource, and until when; `until` is monotonic, infinite while it still does. */
export interface Contradiction {
  message: string;
  until: number;
}

/** With the object's own credential; times are monotonic. */
export interface AbsenceEvidence {
  noun: string;
  /** The reads by id that found none, in a row; undefined where there was none yet. */
  misses: Misses | undefined;
  id: string;
  newestList: CompleteList | undefined;
  listFailure: ListFailure | undefined;
  contradiction: Contradiction | undefined;
}

/** All in milliseconds; `now` is monotonic. */
export interface AbsenceTerms {
  now: number;
  lookMs: number;
  slowMs: number;
  graceMs: number;
  /** Until its create can surely have no further effect. */
  unsettledMs: number;
  /** A deletion of ours was accepted, and has ended as far as is known. */
  isDeleted: boolean;
}

/** What is older is looked at once more before anything is done because of it. */
const FRESH_MS = 5 * 60_000;

export function judgeAbsence(evidence: AbsenceEvidence, terms: AbsenceTerms): AbsentResource {
  const { misses, noun, contradiction } = evidence;
  const { now, lookMs, slowMs, graceMs, unsettledMs, isDeleted } = terms;
  const since = Math.max(misses?.since ?? now, contradiction?.until ?? 0);
  const lookAfterMs = Math.min(Math.max(lookMs, (now - (misses?.since ?? now)) / 10), slowMs);
  const doubtful = (why = "", isBlocked = false): AbsentResource => {
    const message = `the API does not show the ${noun} just now${why}`;
    return {
      state: "absent",
      certain: false,
      lookAfterMs,
      doubt: { message, ...(isBlocked && { isBlocked }) },
    };
  };
  if (!misses) return doubtful();
  const absentMs = misses.at - since;
  if (contradiction && absentMs < graceMs) return doubtful(`; but ${contradiction.message}`);
  if (!isDeleted && (absentMs < graceMs || unsettledMs > 0)) return doubtful();
  const list = listAfter(evidence, since);
  if (list) {
    const isStale = now - Math.min(misses.at, list.endedAt) > FRESH_MS;
    return { state: "absent", certain: true, absentMs, lookAfterMs, ...(isStale && { isStale }) };
  }
  const { listFailure } = evidence;
  if (!listFailure) return doubtful();
  const { error } = listFailure;
  const cause = error instanceof Error ? error.message : String(error);
  const isBlocked = now - listFailure.since >= graceMs;
  return doubtful(`, and no list that would confirm its end completes (${cause})`, isBlocked);
}

/** One begun before the first miss may be of before the end; what has no readable id in it may be what is looked for. */
function listAfter({ newestList, id }: AbsenceEvidence, since: number): CompleteList | undefined {
  if (!newestList || newestList.began.monotonic < since || newestList.withoutId > 0) return undefined;
  return newestList.ids.has(id) ? undefined : newestList;
}
