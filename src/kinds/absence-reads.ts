/**
 * The reads that the absence of an item rests on: what they have shown with one credential, and when a list is due. What
 * that means is judged in absence.ts.
 */
import { STALE_FRACTION } from "../reconcile/decision.ts";
import type { AbsenceEvidence } from "./absence.ts";
import type { Inventory } from "./inventory.ts";
import type { Item } from "./source.ts";

type Shown = Pick<AbsenceEvidence, "id" | "misses" | "newestList" | "listFailure">;

/** Begins no read. */
export function shownWith(
  credential: string,
  inventory: Pick<Inventory<Item>, "get" | "listed">,
  id: string,
): Shown {
  const { lists, listFailure } = inventory.listed(credential);
  const misses = inventory.get(id)?.misses?.get(credential);
  return { id, misses, newestList: lists.newestList, listFailure };
}

/**
 * A list that began after the first miss is missing, or the last one is not of just now. `lookAfterMs`: how often to list
 * where none confirms it; `now` is monotonic.
 */
export function isListDue(
  { misses, newestList, listFailure }: Omit<Shown, "id">,
  lookAfterMs = 0,
  now: number,
): boolean {
  if (!misses) return false;
  const last = Math.max(
    newestList?.began.monotonic ?? Number.NEGATIVE_INFINITY,
    listFailure?.at ?? Number.NEGATIVE_INFINITY,
  );
  return last < misses.since || now - last >= lookAfterMs * STALE_FRACTION;
}
