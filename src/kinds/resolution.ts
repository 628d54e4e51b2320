/**
 * What became of a create whose answer was lost: the lists of the account are searched for its name until that is sure
 * (docs/design.md, Create). The kind gives the name.
 */
import { millis } from "../reconcile/conditions.ts";
import type { Resolution } from "../reconcile/ownership.ts";
import type { Inventory, Item } from "./inventory.ts";

/** All in milliseconds; `now` by the wall clock. */
export interface ResolutionSettings {
  /** From an attempt's time on, when it can surely have no effect any more. */
  settleMs: number;
  lookMs: number;
  now: number;
}

/** What an open resolution needs: a complete list. */
export const LIST = "list";

/** Begins no read. `name` is what to look for in the lists, where that is not the attempt's own name. */
export function resolveByName(
  { lists }: Pick<Inventory<Item>, "lists">,
  attempt: { name: string; time: string },
  { settleMs, lookMs, now }: ResolutionSettings,
  name = attempt.name,
): Resolution {
  const sent = millis(attempt.time) ?? 0;
  const ids = lists.idsNamed(name, sent);
  if (ids.length > 0) return { state: "found", ids };
  const settled = sent + settleMs;
  if (lists.countWithout(name, settled) >= 2) return { state: "surelyNone" };
  const left = Math.max(0, settled - now);
  const pace = Math.min(Math.max(lookMs, left / 4), left || lookMs);
  // Each list queues the key again, so that without a pace the account would be listed without a pause.
  const due = lists.newest < sent ? 0 : Math.min(pace, lists.newest + pace - now);
  const message = `the outcome of the create of "${attempt.name}" is not known yet; the account is searched for it until it is sure`;
  if (due > 0) return { state: "open", message, lookAfterMs: due };
  return { state: "open", message, lookAfterMs: pace, needs: [LIST] };
}
