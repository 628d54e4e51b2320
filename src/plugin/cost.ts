/** The command `cost`: what each object costs now and has cost so far, or since a day; by itself or summed up. */
import {
  type AccruingCost,
  accrued,
  accruedSince,
  type CostHistory,
  MILLIONTHS,
  ownCost,
} from "../base/cost.ts";
import { oneOf } from "../base/options.ts";
import { clip, printableJson } from "../base/plain-text.ts";
import type { CommandContext } from "./command.ts";
import type { Grouping } from "./cost-grouping.ts";
import { UsageError } from "./failure.ts";
import type { Flags } from "./flags.ts";
import { outputFormat } from "./format.ts";
import { type OperatorObject, type ReleaseTarget, readAll } from "./managed.ts";
import { table } from "./table.ts";
import { yaml } from "./yaml.ts";

export const COST_FORMAT_NAMES = ["table", "json", "yaml"] as const;
export const COST_FORMATS = oneOf(...COST_FORMAT_NAMES);

/** Said of all rates at once, and not in each line. */
const UNCONFIRMED = "RatesUnconfirmed";
const NOTHING = "No object shows what it costs.";

/** Amounts are in the unit of the currency; `spent` is the least, and `spent` + `unknown` the most. */
interface Sum {
  currency: string | null;
  hourlyRate: number;
  spent: number;
  unknown: number;
}

interface CostItem extends Sum {
  namespace: string;
  /** As on a command line: psm/trainer. */
  object: string;
  type: string | null;
  /** From when on it is counted, where --since asks for more than is known. */
  since?: string;
  caveats: string[];
}

interface ShownObject extends OperatorObject {
  spec: OperatorObject["spec"] & { machineType?: string };
  status?: NonNullable<OperatorObject["status"]> & {
    machineType?: string;
    cost?: AccruingCost & CostHistory & { currency?: string; caveats?: string[] };
  };
}

export async function cost(args: readonly string[], flags: Flags, context: CommandContext): Promise<void> {
  if (args.length > 0)
    throw new UsageError(
      `cost takes no arguments, but ${JSON.stringify(args[0])} came; -n chooses a namespace`,
    );
  const format = outputFormat(flags, COST_FORMATS) ?? "table";
  const { access, output, clock } = context;
  const namespace = flags["all-namespaces"] ? undefined : (flags.namespace ?? (await access.namespace()));
  const targets = await readAll(access, namespace);
  const now = clock.now();
  const from = flags.since && (flags.since.at ?? now - (flags.since.ago ?? 0));
  const items = targets.flatMap((target) => itemOf(target, from, now) ?? []);
  const groups = flags.by && groupsOf(targets, items, flags.by);
  const view = { items, ...(groups && { groups }), totals: totalsOf(items) };
  if (format === "json") return output.print(`${printableJson(view, 2)}\n`);
  if (format === "yaml") return output.print(yaml(view));
  if (items.length === 0) return output.note(NOTHING);
  output.print(groups ? groupTable(groups, view.totals) : itemTable(items, view.totals));
  for (const note of notesOn(items, targets.length)) output.note(`note: ${note}`);
}

function itemOf({ object, namespace, reference }: ReleaseTarget, from: number | undefined, now: number) {
  const { spec, status } = object as ShownObject;
  const shown = ownCost(object as ShownObject);
  if (!shown) return undefined;
  const whole = { spent: accrued(shown, now), unknown: shown.unknown, since: from ?? 0 };
  const { spent, unknown, since } = from === undefined ? whole : accruedSince(shown, from, now);
  const isLater = from !== undefined && since > from;
  const item: CostItem = {
    namespace,
    object: reference,
    type: status?.machineType ?? spec.machineType ?? null,
    currency: shown.currency ?? null,
    hourlyRate: shown.rate / MILLIONTHS,
    spent: spent / MILLIONTHS,
    unknown: unknown / MILLIONTHS,
    ...(isLater && { since: new Date(since).toISOString() }),
    caveats: shown.caveats ?? [],
  };
  return item;
}

/** Amounts of different currencies are not added. */
function totalsOf(items: readonly CostItem[]): Sum[] {
  const totals = new Map<string | null, Sum>();
  for (const { currency, hourlyRate, spent, unknown } of items) {
    const total = totals.get(currency) ?? { currency, hourlyRate: 0, spent: 0, unknown: 0 };
    totals.set(currency, {
      currency,
      hourlyRate: inMillionths(total.hourlyRate + hourlyRate),
      spent: inMillionths(total.spent + spent),
      unknown: inMillionths(total.unknown + unknown),
    });
  }
  return [...totals.values()];
}

function inMillionths(amount: number): number {
  return Math.round(amount * MILLIONTHS) / MILLIONTHS;
}

interface Group extends Sum {
  /** Null: those without the label, or of an unknown type. */
  group: string | null;
  objects: number;
}

function groupsOf(targets: readonly ReleaseTarget[], items: readonly CostItem[], grouped: Grouping): Group[] {
  const labels = new Map(
    targets.map(({ namespace, reference, object }) => [`${namespace}/${reference}`, object.metadata.labels]),
  );
  const groups = new Map<string | null, CostItem[]>();
  for (const item of items) {
    const label = () =>
      grouped.by === "label" ? labels.get(`${item.namespace}/${item.object}`)?.[grouped.key] : undefined;
    const group = grouped.by === "label" ? (label() ?? null) : item[grouped.by];
    groups.set(group, [...(groups.get(group) ?? []), item]);
  }
  const sums = [...groups].flatMap(([group, members]) =>
    totalsOf(members).map((sum) => ({
      group,
      objects: members.filter(({ currency }) => currency === sum.currency).length,
      ...sum,
    })),
  );
  return sums.sort((a, b) => b.spent - a.spent);
}

function itemTable(items: readonly CostItem[], totals: readonly Sum[]): string {
  const rows = items.map((item) => [
    item.namespace,
    item.object,
    item.type ?? undefined,
    ...amounts(item),
    item.caveats.filter((caveat) => caveat !== UNCONFIRMED).join(",") || undefined,
  ]);
  const sums = totals.map((total) => ["TOTAL", "-", "-", ...amounts(total), "-"]);
  return table(["NAMESPACE", "OBJECT", "TYPE", ...AMOUNTS, "CAVEATS"], [...rows, ...sums]);
}

function groupTable(groups: readonly Group[], totals: readonly Sum[]): string {
  const rows = groups.map((group) => [group.group ?? undefined, `${group.objects}`, ...amounts(group)]);
  const objects = (currency: string | null) =>
    groups.reduce((sum, group) => sum + (group.currency === currency ? group.objects : 0), 0);
  const sums = totals.map((total) => ["TOTAL", `${objects(total.currency)}`, ...amounts(total)]);
  return table(["GROUP", "OBJECTS", ...AMOUNTS], [...rows, ...sums]);
}

const AMOUNTS = ["RATE/HOUR", "SPENT", "UNKNOWN", "CURRENCY"] as const;

/** Rounded so that the bill is still no less than SPENT, and no more than that with UNKNOWN. */
function amounts({ hourlyRate, spent, unknown, currency }: Sum): (string | undefined)[] {
  const cents = Math.floor(inMillionths(spent * 100));
  const most = Math.ceil(inMillionths((spent + unknown) * 100));
  const open = most - cents;
  return [
    hourlyRate.toFixed(4),
    (cents / 100).toFixed(2),
    open > 0 ? `up to +${(open / 100).toFixed(2)}` : "0.00",
    currency === null ? undefined : clip(currency),
  ];
}

function notesOn(items: readonly CostItem[], objects: number): string[] {
  const notes: string[] = [];
  if (items.some(({ caveats }) => caveats.includes(UNCONFIRMED)))
    notes.push(
      `${UNCONFIRMED}: the operator was not told what the API's rates are; they are taken as by the hour, and by the month for disks`,
    );
  const later = items.filter(({ since }) => since !== undefined).length;
  if (later > 0) notes.push(`${later} of them are known only from a later day on; -o json shows from when`);
  if (objects > items.length)
    notes.push(`objects that do not show what they cost, and are not counted: ${objects - items.length}`);
  return notes;
}
