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
  /** About what it is in, where the API does not show that either: there is no list of what does not exist. */
  container?: AbsenceEvidence | undefined;
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

/** Milliseconds until what has been so since this monotonic time is read again: ever more rarely. */
export function lookPaceMs(
  { now, lookMs, slowMs }: Pick<AbsenceTerms, "now" | "lookMs" | "slowMs">,
  since: number,
): number {
  return Math.min(Math.max(lookMs, (now - since) / 10), slowMs);
}

export function judgeAbsence(evidence: AbsenceEvidence, terms: AbsenceTerms): AbsentResource {
  const { misses, contradiction } = evidence;
  const { now, graceMs, unsettledMs, isDeleted } = terms;
  const since = Math.max(misses?.since ?? now, contradiction?.until ?? 0);
  const lookAfterMs = lookPaceMs(terms, misses?.since ?? now);
  const doubtful = (why = "", isBlocked = false): AbsentResource => {
    const message = `${notShown(evidence)}${why}`;
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
  const certain = (restsOn: number, within?: string): AbsentResource => {
    const isStale = now - Math.min(misses.at, restsOn) > FRESH_MS;
    const where = within !== undefined && { within };
    return { state: "absent", certain: true, absentMs, lookAfterMs, ...(isStale && { isStale }), ...where };
  };
  const list = listAfter(evidence, since);
  if (list) return certain(list.endedAt);
  const { listFailure, container } = evidence;
  if (container) {
    // Neither our deletion nor our create was of what it is in.
    const outer = judgeAbsence(container, { ...terms, unsettledMs: 0, isDeleted: false });
    const outerList = outer.certain ? listAfter(container, since) : undefined;
    if (outerList) return certain(Math.min(outerList.endedAt, container.misses?.at ?? 0), container.noun);
    return doubtful(`, and ${outer.doubt?.message ?? notShown(container)}`, outer.doubt?.isBlocked);
  }
  if (!listFailure) return doubtful();
  const { error } = listFailure;
  const cause = error instanceof Error ? error.message : String(error);
  const isBlocked = now - listFailure.since >= graceMs;
  return doubtful(`, and no list that would confirm its end completes (${cause})`, isBlocked);
}

function notShown({ noun }: Pick<AbsenceEvidence, "noun">): string {
  return `the API does not show the ${noun} just now`;
}

/** One begun before the first miss may be of before the end; what has no readable id in it may be what is looked for. */
function listAfter({ newestList, id }: AbsenceEvidence, since: number): CompleteList | undefined {
  if (!newestList || newestList.began.monotonic < since || newestList.withoutId > 0) return undefined;
  return newestList.ids.has(id) ? undefined : newestList;
}
