/**
 * What became of a create whose answer was lost: the lists of the account are searched for its name until that is sure
 * (docs/design.md, Create). The kind gives the name.
 */
import type { Moment } from "../base/clock.ts";
import { millis } from "../reconcile/conditions.ts";
import type { Resolution } from "../reconcile/ownership.ts";
import type { CreateAttempt } from "../reconcile/record.ts";
import type { Inventory } from "./inventory.ts";
import type { Item } from "./source.ts";

/** All in milliseconds. */
export interface ResolutionSettings {
  /** From an attempt's time on, when it can surely have no effect any more. */
  settleMs: number;
  /** How often to list, at most and at least. */
  lookMs: number;
  slowMs: number;
  now: Moment;
  /** When the attempt was announced; monotonic: when this process first knew of it, which is never earlier. */
  announced: Moment;
}

/** What an open resolution needs: a complete list. */
export const LIST = "list";

/** Milliseconds until the attempt can surely have no effect any more, by the clock that shows less time; 0 from then on. */
export function unsettledMs({
  settleMs,
  now,
  announced,
}: Omit<ResolutionSettings, "lookMs" | "slowMs">): number {
  const passed = Math.min(now.wall - announced.wall, now.monotonic - announced.monotonic);
  return Math.max(0, settleMs - passed);
}

/**
 * Milliseconds between two reads of a search; `last`: monotonic time of the last one. As the age of the attempt, at the
 * latest when it is settled, and then as long as that is past: what never gets sure must not cost reads for ever.
 */
export function searchPaceMs(settings: ResolutionSettings, last: number): number {
  const { settleMs, lookMs, slowMs, announced } = settings;
  const age = last - announced.monotonic;
  const left = unsettledMs(settings);
  return left > 0
    ? Math.min(Math.max(lookMs, Math.min(age, settleMs / 4)), left)
    : Math.max(lookMs, Math.min(age - settleMs, slowMs));
}

export function announcedAt({ time }: Pick<CreateAttempt, "time">, knownSince: number): Moment {
  return { wall: millis(time) ?? 0, monotonic: knownSince };
}

/**
 * Begins no read. What any credential's list shows is found; that there is none, only lists with the object's own
 * `credential` show. `name` is what to look for in the lists, where that is not the attempt's own name.
 */
export function resolveByName(
  inventory: Pick<Inventory<Item>, "lists" | "listed">,
  credential: string,
  attempt: Pick<CreateAttempt, "name">,
  settings: ResolutionSettings,
  name = attempt.name,
): Resolution {
  const { settleMs, now, announced } = settings;
  // Either clock shows that a list began later: the wall clock may have been set back, this process be younger.
  const isLater = ({ wall, monotonic }: Moment) => wall >= announced.wall || monotonic >= announced.monotonic;
  const { lists, listFailure } = inventory.listed(credential);
  const ids = [...new Set([lists, inventory.lists].flatMap((all) => all.idsNamed(name, isLater)))];
  if (ids.length > 0) return { state: "found", ids };
  const isSettled = (began: Moment) => unsettledMs({ settleMs, now: began, announced }) === 0;
  if (lists.countWithout(name, isSettled) >= 2) return { state: "surelyNone" };
  const { newest = Number.NEGATIVE_INFINITY } = lists;
  const pace = searchPaceMs(settings, newest);
  // Each list queues the key again, so that without a pace the account would be listed without a pause.
  const due = newest < announced.monotonic ? 0 : Math.min(pace, newest + pace - now.monotonic);
  const doubt = listFailure ? failing(listFailure) : incomplete(lists.nameless);
  const message = `the outcome of the create of "${attempt.name}" is not known yet; the account is searched for it until it is sure${doubt}`;
  if (due > 0) return { state: "open", message, lookAfterMs: due };
  return { state: "open", message, lookAfterMs: pace, needs: [LIST] };
}

/** Why a search goes on although its time is over: no list ended since. */
function failing({ error }: { error: unknown }): string {
  return `. The account cannot be listed: ${error instanceof Error ? error.message : String(error)}`;
}

function incomplete(nameless: number): string {
  if (nameless === 0) return "";
  return `. In the last list ${nameless} of the items have no readable id or name, so that it cannot show that there is none`;
}
