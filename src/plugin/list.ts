/** The command `list`: which family, which of its items, and in which form they are printed. */
import { oneOf } from "../base/options.ts";
import { clip } from "../paperspace/errors.ts";
import type { Access } from "./access.ts";
import type { Context } from "./command.ts";
import { UsageError } from "./failure.ts";
import type { FlagName, Flags } from "./flags.ts";
import { chosen } from "./format.ts";
import { FAMILIES, type Family, type Item } from "./listables.ts";
import { printableJson } from "./plain-text.ts";
import { table } from "./table.ts";

export const LIST_FORMATS = oneOf("table", "json", "name");

/** Flags that only some families take. */
const SOME: readonly FlagName[] = ["region", "available"];

export async function list(words: readonly string[], flags: Flags, context: Context): Promise<void> {
  const { word, family } = familyOf(words);
  const format = chosen(flags, LIST_FORMATS) ?? "table";
  for (const name of SOME)
    if (flags[name] !== undefined && !family.flags.includes(name))
      throw new UsageError(`--${name} is no flag of list ${word}; see kubectl paperspace list --help`);
  family.check?.(flags);
  const { screen, clock } = context;
  const items = await read(family, flags, context.access, context.signal);
  if (format === "json") return screen.print(`${printableJson(items)}\n`);
  if (format === "name")
    return screen.print(items.map((item) => `${clip(family.reference(item))}\n`).join(""));
  if (items.length === 0) return screen.note(`No ${word} found.`);
  const columns = Object.entries(family.columns(flags));
  const rows = items.map((item) => columns.map(([, cell]) => cell(item, clock.now())));
  screen.print(
    table(
      columns.map(([header]) => header),
      rows,
    ),
  );
}

function familyOf([word, ...more]: readonly string[]): { word: string; family: Family } {
  const valid = `one of ${Object.keys(FAMILIES).join(", ")}`;
  if (word === undefined) throw new UsageError(`list what? Give ${valid}`);
  const family = Object.hasOwn(FAMILIES, word) ? FAMILIES[word] : undefined;
  if (!family) throw new UsageError(`${JSON.stringify(word)} cannot be listed; give ${valid}`);
  if (more.length > 0)
    throw new UsageError(`list ${word} takes no further words, but ${JSON.stringify(more[0])} came`);
  return { word, family };
}

async function read(family: Family, flags: Flags, access: Access, signal: AbortSignal): Promise<Item[]> {
  const account = await access.open(flags.secret && { ...flags.secret, asked: "flag" });
  const wanted = flags.name?.toLowerCase() ?? "";
  const items = (await family.read(account, flags, signal)).filter((item) =>
    family.names(item).toLowerCase().includes(wanted),
  );
  // A5000 after A4000, and C10 after C7.
  const order = new Intl.Collator("en", { numeric: true });
  items.sort(
    (a, b) =>
      order.compare(family.names(a), family.names(b)) ||
      order.compare(family.reference(a), family.reference(b)),
  );
  return family.complete ? family.complete(items, account, flags, signal) : items;
}
