/** The command `list`: what is listed, which items of it, and in which format they are printed. */
import { oneOf } from "../base/options.ts";
import { clip, printableJson } from "../base/plain-text.ts";
import type { Access } from "./access.ts";
import type { CommandContext } from "./command.ts";
import { UsageError } from "./failure.ts";
import type { FlagName, Flags } from "./flags.ts";
import { outputFormat } from "./format.ts";
import { LISTABLES, type Listable, type ListedItem } from "./listables.ts";
import { didYouMean } from "./suggest.ts";
import { table } from "./table.ts";
import { yaml } from "./yaml.ts";

export const LIST_FORMAT_NAMES = ["table", "json", "yaml", "name"] as const;
export const LIST_FORMATS = oneOf(...LIST_FORMAT_NAMES);

/** Flags that only some listables take. */
const SPECIFIC_FLAGS: readonly FlagName[] = ["region", "available"];

export async function list(args: readonly string[], flags: Flags, context: CommandContext): Promise<void> {
  const { name: listed, listable } = listableOf(args);
  const format = outputFormat(flags, LIST_FORMATS) ?? "table";
  for (const name of SPECIFIC_FLAGS)
    if (flags[name] !== undefined && !listable.flags.includes(name))
      throw new UsageError(`--${name} is no flag of list ${listed}; see kubectl paperspace list --help`);
  listable.check?.(flags);
  const { output, clock } = context;
  const items = await read(listable, flags, context.access, context.signal);
  if (format === "json") return output.print(`${printableJson(items, 2)}\n`);
  if (format === "yaml") return output.print(yaml(items));
  if (format === "name")
    return output.print(items.map((item) => `${clip(listable.reference(item))}\n`).join(""));
  if (items.length === 0) return output.note(`No ${listed} found.`);
  const columns = Object.entries(listable.columns(flags));
  const rows = items.map((item) => columns.map(([, cell]) => cell(item, clock.now())));
  output.print(
    table(
      columns.map(([header]) => header),
      rows,
    ),
  );
}

function listableOf([name, ...more]: readonly string[]): { name: string; listable: Listable } {
  const valid = `one of ${Object.keys(LISTABLES).join(", ")}`;
  if (name === undefined) throw new UsageError(`list what? Give ${valid}`);
  const listable = Object.hasOwn(LISTABLES, name) ? LISTABLES[name] : undefined;
  if (!listable)
    throw new UsageError(
      `${JSON.stringify(name)} cannot be listed${didYouMean(name, Object.keys(LISTABLES))}; give ${valid}`,
    );
  if (more.length > 0)
    throw new UsageError(`list ${name} takes no further arguments, but ${JSON.stringify(more[0])} came`);
  return { name, listable };
}

async function read(
  listable: Listable,
  flags: Flags,
  access: Access,
  signal: AbortSignal,
): Promise<ListedItem[]> {
  const account = await access.open(flags.secret && { ...flags.secret, namedBy: "flag" });
  const filter = flags.name?.toLowerCase() ?? "";
  const items = (await listable.read(account, flags, signal)).filter((item) =>
    listable.searchedText(item).toLowerCase().includes(filter),
  );
  // A5000 after A4000, and C10 after C7.
  const order = new Intl.Collator("en", { numeric: true });
  items.sort(
    (a, b) =>
      order.compare(listable.searchedText(a), listable.searchedText(b)) ||
      order.compare(listable.reference(a), listable.reference(b)),
  );
  return listable.complete ? listable.complete(items, account, flags, signal) : items;
}
