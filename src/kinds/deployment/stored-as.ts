/**
 * How the API writes a field otherwise than it was sent, such as an image with its registry: what differs in the same way
 * in the answers to two upserts, one right after the other, is no drift. Which spec is an answer is known by the history
 * (sent-specs.ts). Pure.
 */
import { printableJson } from "../../base/plain-text.ts";
import type { Change } from "../../reconcile/change.ts";
import { digestOf, isPrivate, isSame, isScale, type Leaves } from "./compare.ts";
import type { DeploymentStatus } from "./types.ts";
import { isWrittenIn } from "./written-forms.ts";

/** One for each field. `specId`: the spec that shows it, while it was seen once only. */
export type StoredField = NonNullable<DeploymentStatus["storedAs"]>[number];

/** Fields that are remembered: more than a configuration has. */
const MOST = 400;
/** Characters of a value in status; a longer one is its hash. */
const SHOWN = 200;
/** What a hash begins with: no JSON does. */
const HASH = "sha256:";
/** Of a field that is not there. */
const NONE = "null";
/** Fields that a message names. */
const NAMED = 5;

/** In status: what may be secret, or is long, by its hash. */
function inStatus(field: string, value: unknown): string {
  const json = printableJson(value ?? null);
  return value !== undefined && (isPrivate(field) || json.length > SHOWN)
    ? `${HASH}${digestOf(value)}`
    : json;
}

function entryOf({ field, from, to }: Change): StoredField {
  return { field, declared: inStatus(field, to), shown: inStatus(field, from) };
}

function isOf(entry: StoredField, { field, declared, shown }: StoredField): boolean {
  return entry.field === field && entry.declared === declared && entry.shown === shown;
}

/** Where the field itself is not written: it is added, or it is missing, as one that has another name now. */
function isElsewhere({ declared, shown }: StoredField): boolean {
  return declared === NONE || shown === NONE;
}

/**
 * Those that hold of what is stored. What is added and what is missing holds only all together: a field that the API gives
 * another name is both, and one without the other is another actor's edit, or was declared by the user and is no more.
 */
function holding(storedAs: readonly StoredField[], desired: Leaves, stored: Leaves): readonly StoredField[] {
  const certain = storedAs.filter(({ specId }) => specId === undefined);
  const known = certain.filter((entry) => {
    const { field } = entry;
    return isOf(entry, entryOf({ field, from: stored.get(field), to: desired.get(field) }));
  });
  const isWhole = known.filter(isElsewhere).length === certain.filter(isElsewhere).length;
  return isWhole ? known : known.filter((entry) => !isElsewhere(entry));
}

/** What is stored, with the fields in the form of `desired` that are known to be written so. */
export function asSent(stored: Leaves, desired: Leaves, storedAs: readonly StoredField[] = []): Leaves {
  const known = holding(storedAs, desired, stored);
  if (known.length === 0) return stored;
  const leaves = new Map(stored);
  for (const { field } of known) {
    if (desired.has(field)) leaves.set(field, desired.get(field));
    else leaves.delete(field);
  }
  return leaves;
}

/**
 * What is known once this spec was the only answer to an upsert, by how it differs from what was sent; undefined where that
 * teaches nothing. `former`: what was stored before. A number is never learnt, nor a value that was there before: it is
 * another actor's, or of another configuration of ours, except in a form that means the same. That a field is missing
 * counts only beside a value that is new.
 */
export function learntFromAnswer(
  storedAs: readonly StoredField[] = [],
  changes: readonly Change[],
  { id, replaces }: { id: string; replaces: string | undefined },
  former: readonly Leaves[],
): StoredField[] | undefined {
  const seenBefore = storedAs.filter(({ specId }) => specId !== undefined && specId === replaces);
  const isRepeated = (change: Change) => seenBefore.some((entry) => isOf(entry, entryOf(change)));
  const firsts = changes.filter((change) => !isRepeated(change));
  const isNew = (change: Change) =>
    former.every((leaves) => !isSame(leaves.get(change.field), change.from)) || isForm(change, changes);
  const isTaught = firsts.every(
    (change) =>
      !isScale(change.field) && change.field !== "name" && (change.from === undefined || isNew(change)),
  );
  if (!isTaught || (firsts.length > 0 && !firsts.some(isNew))) return undefined;
  const entries = changes.map((change): StoredField => {
    const entry = entryOf(change);
    return isRepeated(change) ? entry : { ...entry, specId: id };
  });
  const all = [...entries, ...besides(storedAs, entries)];
  return entries.length > MOST ? undefined : all.slice(0, MOST);
}

/** The value that was sent, in another form or under another form of its name. */
function isForm({ field, from, to }: Change, changes: readonly Change[]): boolean {
  if (from === undefined) return false;
  const shown = new Map([[field, from]]);
  const sent = to === undefined ? changes.filter((other) => other.from === undefined) : [{ field, to }];
  return sent.some((one) => isWrittenIn(shown, one.field, one.to));
}

/** What is known of other fields and of other declared values, which may be declared again. */
function besides(storedAs: readonly StoredField[], entries: readonly StoredField[]): StoredField[] {
  const isThere = (one: StoredField) =>
    entries.some(({ field, declared }) => one.field === field && one.declared === declared);
  // Where one of them is not so any more, they do not hold together.
  const fields = new Set(entries.map(({ field }) => field));
  const isBroken = storedAs.some((one) => isElsewhere(one) && fields.has(one.field));
  return storedAs.filter(
    (one) => one.specId === undefined && !isThere(one) && !(isBroken && isElsewhere(one)),
  );
}

/** A field that an answer shows as it was sent is not written otherwise. */
export function withoutDisproved(
  storedAs: readonly StoredField[],
  sent: Leaves,
  answer: Leaves,
): readonly StoredField[] {
  const known = holding(storedAs, sent, answer);
  const kept = storedAs.filter((entry) => {
    const { field, declared } = entry;
    if (isElsewhere(entry)) return known.includes(entry);
    return declared !== inStatus(field, sent.get(field)) || !isSame(sent.get(field), answer.get(field));
  });
  return kept.length === storedAs.length ? storedAs : kept;
}

/** For messages: the first of them, and how many more there are. */
export function namesOf(names: readonly string[], separator = ", "): string {
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).join(separator)}${more > 0 ? `${separator}and ${more} more` : ""}`;
}

/** For the message of Synced, of what is declared; empty where all of it is stored as it was sent. */
export function writtenOtherwise(storedAs: readonly StoredField[] = [], desired: Leaves): string {
  const known = storedAs.filter(
    ({ field, declared, specId }) => specId === undefined && declared === inStatus(field, desired.get(field)),
  );
  const ways = known.map(({ field, declared, shown }) => {
    const isHidden = isPrivate(field) || declared.startsWith(HASH) || shown.startsWith(HASH);
    return `Paperspace writes ${field} ${isHidden ? "otherwise" : `${declared} as ${shown}`}`;
  });
  return ways.length > 0 ? `; ${namesOf(ways, "; ")}` : "";
}
