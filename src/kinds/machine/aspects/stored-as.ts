/**
 * How the API writes a setting otherwise than it was sent, such as "week" for "weekly". A machine has no history of its
 * settings: the answer to our own update shows it. Then it is no drift. Pure.
 */
import { printableJson, shorten } from "../../../base/plain-text.ts";
import { toTime } from "../../../kube/objects.ts";
import { isReadable } from "../../../paperspace/answers.ts";
import type { Change } from "../../../reconcile/change.ts";
import type { Machine, MachineSettings } from "../api.ts";
import type { MachineStatus } from "../types.ts";

/** One for each field; values as JSON. `since`: it may still be the value of before, and is looked at once more. */
export type StoredAs = NonNullable<MachineStatus["storedAs"]>[number];

/** A change, and the setting of the API that it is about. */
export type SettingChange = Change & { key: keyof MachineSettings };

/** In status the same as here: nothing in it is hidden, or so long that it would be cut there. */
export const jsonOf = (value: unknown) => shorten(printableJson(value ?? null), 1_024);

export function find(
  storedAs: readonly StoredAs[] | undefined,
  { field, from, to }: Change,
): StoredAs | undefined {
  const [shown, declared] = [jsonOf(from), jsonOf(to)];
  return storedAs?.find((one) => one.field === field && one.declared === declared && one.shown === shown);
}

/**
 * After an update was answered. An answer that shows neither what was sent nor what was there before shows how the API
 * writes it; one that still shows what was there before may be late: it counts when a later update is answered in the same
 * way. So does what was read after an update (`isCertain` false): another actor may have written in between.
 */
export function learnt(
  storedAs: readonly StoredAs[] = [],
  changes: readonly SettingChange[],
  { machine: answer, isCertain: isAnswer }: { machine: Machine; isCertain: boolean },
  now: number,
): StoredAs[] {
  const fields = new Set(changes.map(({ field }) => field));
  const entries = changes.flatMap(({ key, field, from, to }): StoredAs[] => {
    const shown = answer[key] ?? undefined;
    if (jsonOf(shown) === jsonOf(to) || !isReadable(answer, key)) return [];
    const known = find(storedAs, { field, from: shown, to });
    const isCertain = known !== undefined || (isAnswer && jsonOf(shown) !== jsonOf(from));
    const entry = { field, declared: jsonOf(to), shown: jsonOf(shown) };
    return [isCertain ? entry : { ...entry, since: toTime(now) }];
  });
  return [...storedAs.filter(({ field }) => !fields.has(field)), ...entries];
}

/** For the message of Synced; empty where all is stored as it was sent. */
export function storedOtherwise(storedAs: readonly StoredAs[] = []): string {
  return storedAs
    .filter(({ since }) => since === undefined)
    .map(({ field, declared, shown }) => `; Paperspace writes ${field} ${declared} as ${shown}`)
    .join("");
}
