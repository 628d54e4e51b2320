/** The command `capacity`: which hardware is short, who waits for it and who is next; once, or until the user interrupts. */
import { oneOf } from "../base/options.ts";
import { printableJson } from "../base/plain-text.ts";
import { isForbidden, isNotFound, isTransient } from "../kube/errors.ts";
import { Resource } from "../kube/resource.ts";
import type { Access } from "./access.ts";
import type { CommandContext } from "./command.ts";
import { UsageError } from "./failure.ts";
import type { Flags } from "./flags.ts";
import { type FollowOptions, follow } from "./follow.ts";
import { outputFormat } from "./format.ts";
import { TYPES } from "./kinds.ts";
import { forbidden, listAll } from "./managed.ts";
import { type Shortage, shortages, type Waiting, type WaitingMachine } from "./shortage.ts";
import { age, table } from "./table.ts";
import { yaml } from "./yaml.ts";

export const CAPACITY_FORMAT_NAMES = ["table", "json", "yaml"] as const;
export const CAPACITY_FORMATS = oneOf(...CAPACITY_FORMAT_NAMES);

/** Positions are written once a minute at most: sooner there is little to see. */
const FOLLOW: FollowOptions = {
  everyMs: 5_000,
  mayPass: isTransient,
  passed: "the cluster can be read again",
};
const NOTHING = "No machine waits for hardware.";
/** Of a placement may be more than a line has room for. */
const SHOWN_HARDWARE = 2;

/** As kubectl prints it. */
const UNKNOWN = "<unknown>";

type View = ReturnType<typeof shortages>;

export async function capacity(
  args: readonly string[],
  flags: Flags,
  context: CommandContext,
): Promise<void> {
  if (args.length > 0)
    throw new UsageError(
      `capacity takes no arguments, but ${JSON.stringify(args[0])} came; -n chooses a namespace`,
    );
  const format = outputFormat(flags, CAPACITY_FORMATS) ?? "table";
  if (flags.watch && format !== "table") throw new UsageError("--watch shows tables: leave out --output");
  const { output } = context;
  const read = await readerOf(flags, context);
  if (flags.watch) return watch(read, context);
  const view = await read();
  if (format === "json") return output.print(`${printableJson(view, 2)}\n`);
  if (format === "yaml") return output.print(yaml(view));
  if (view.waiting.length === 0) return output.note(NOTHING);
  output.print(tables(view, context.clock.now()));
}

/** Of all namespaces where the user may list them, else of one. */
async function readerOf(flags: Flags, { access, output }: CommandContext): Promise<() => Promise<View>> {
  const namespace = flags.namespace ?? ((await mayListAll(access)) ? undefined : await access.namespace());
  if (flags.namespace === undefined && namespace !== undefined)
    output.note(
      `note: ${forbidden("list", TYPES.psm).message}: this is namespace ${namespace}, and of the others how many wait`,
    );
  return async () => {
    try {
      return await read(access, namespace);
    } catch (error) {
      throw isForbidden(error) ? forbidden("list", TYPES.psm, namespace) : error;
    }
  };
}

async function mayListAll(access: Access): Promise<boolean> {
  try {
    await (await machinesOf(access)).list({ limit: 1 }, { signal: access.signal });
  } catch (error) {
    if (isForbidden(error)) return false;
    if (!isNotFound(error)) throw error;
  }
  return true;
}

async function machinesOf(access: Access): Promise<Resource<WaitingMachine>> {
  return new Resource<WaitingMachine>(await access.connection(), TYPES.psm);
}

/** A cluster without the CRD has no machines. */
async function read(access: Access, namespace: string | undefined): Promise<View> {
  try {
    return shortages(await listAll(await machinesOf(access), namespace, access), {
      isAll: namespace === undefined,
    });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return shortages([], { isAll: true });
  }
}

/** On a terminal rewritten in place; elsewhere printed again when something changed. An interrupt is its regular end. */
async function watch(read: () => Promise<View>, context: CommandContext): Promise<void> {
  const { clock, output } = context;
  let before: string | undefined;
  const look = async () => {
    const view = await read();
    const text = view.waiting.length > 0 ? tables(view, clock.now()) : `${NOTHING}\n`;
    const seen = JSON.stringify(view);
    if (output.isTerminal) output.rewrite(text);
    else if (seen !== before) output.print(before === undefined ? text : `\n${text}`);
    before = seen;
  };
  await look();
  await follow(look, FOLLOW, context);
}

function tables({ short, waiting }: View, now: number): string {
  const hasTeams = new Set(waiting.map(({ team }) => team)).size > 1;
  const drawn = (rows: readonly Readonly<Record<string, string | undefined>>[]) => {
    const headers = Object.keys(rows[0] ?? {}).filter((header) => hasTeams || header !== "TEAM");
    return table(
      headers,
      rows.map((row) => headers.map((header) => row[header])),
    );
  };
  return `${drawn(short.map((one) => shortageRow(one, now)))}\n${drawn(waiting.map((one) => waitingRow(one, now)))}`;
}

function shortageRow({ team, machineType, region, since, lastFailed, waiting, next }: Shortage, now: number) {
  return {
    TEAM: team,
    TYPE: machineType,
    REGION: region,
    SINCE: age(since, now),
    "LAST-FAILED": age(lastFailed, now),
    WAITING: waiting === null ? UNKNOWN : String(waiting),
    NEXT: next ? `${next.namespace}/${next.name}` : waiting === 0 ? undefined : UNKNOWN,
  };
}

function waitingRow(
  { team, namespace, name, hardware, since, queue, priority, gaveUp, reason }: Waiting,
  now: number,
) {
  const more = hardware.length - SHOWN_HARDWARE;
  const shown = hardware
    .slice(0, SHOWN_HARDWARE)
    .map(({ machineType, region }) => `${machineType} in ${region}`);
  return {
    TEAM: team,
    NAMESPACE: namespace,
    NAME: name,
    "WAITS-FOR": [...shown, ...(more > 0 ? [`${more} more`] : [])].join(", "),
    SINCE: age(since, now),
    POSITION: gaveUp ? "gave up" : queue ? `${queue.position} of ${queue.of}` : UNKNOWN,
    PRIORITY: String(priority),
    REASON: reason,
  };
}
