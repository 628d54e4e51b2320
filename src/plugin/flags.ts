/**
 * Every flag of the plugin, in one table, and how a command line is read. Which command takes
 * which flag is in commands.ts.
 */
import { parseArgs } from "node:util";
import {
  BadValue,
  bool,
  duration,
  label,
  oneOf,
  parseDuration,
  text,
  type ValueType,
} from "../base/options.ts";
import { grouping } from "./cost-grouping.ts";
import { UsageError } from "./failure.ts";
import { didYouMean } from "./suggest.ts";

/** Names of the vendor (deployments.md section 9). */
export const TIMEFRAMES = ["hour", "12_hours", "day", "1_week", "2_weeks"] as const;

export interface Since {
  /** Milliseconds before now, or since the epoch. */
  readonly ago?: number;
  readonly at?: number;
}

const DAY_MS = 86_400_000;
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** As in kubectl: a time only. */
const sinceTime: ValueType<number> = {
  allowed: "a time such as 2026-01-31T08:00:00Z",
  parse(value) {
    const at = RFC3339.test(value) ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(at)) throw new BadValue();
    return at;
  },
};

const since: ValueType<Since> = {
  allowed: "a duration such as 30s, 10m, 2h or 30d, or a time such as 2026-01-31T08:00:00Z",
  parse(value) {
    const [, days] = /^(\d{1,5})d$/.exec(value) ?? [];
    const ago = days === undefined ? parseDuration(value) : Number(days) * DAY_MS;
    if (ago !== undefined) return { ago };
    const at = RFC3339.test(value) ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(at)) throw new BadValue();
    return { at };
  },
};

/** -1 means all, as with kubectl. */
const tail: ValueType<number> = {
  allowed: "a number of lines, or -1 for all",
  parse(value) {
    if (!/^(-1|\d{1,9})$/.test(value)) throw new BadValue();
    return Number(value) === -1 ? Number.POSITIVE_INFINITY : Number(value);
  },
};

/** A Secret, and the key in its data. */
const secret: ValueType<{ name: string; key?: string }> = {
  allowed: "the name of a Secret, or NAME/KEY with a key of its data",
  parse(value) {
    const [, name, key] = /^([a-z0-9][-.a-z0-9]{0,252})(?:\/([-._a-zA-Z0-9]{1,253}))?$/.exec(value) ?? [];
    if (name === undefined) throw new BadValue();
    return { name, ...(key !== undefined && { key }) };
  },
};

interface Flag<T> {
  readonly type: ValueType<T>;
  readonly short?: string;
  /** Placeholder of the value in help; absent for switches. */
  readonly value?: string;
  readonly summary: string;
}

const flag = <T>(type: ValueType<T>, summary: string, more: Partial<Flag<T>> = {}): Flag<T> => ({
  type,
  summary,
  ...more,
});

export const FLAGS = {
  namespace: flag(label, "namespace; the one of the kubeconfig's context by default", {
    short: "n",
    value: "NAME",
  }),
  context: flag(text, "context of the kubeconfig; its current one by default", { value: "NAME" }),
  kubeconfig: flag(text, "kubeconfig file; else $KUBECONFIG or ~/.kube/config", { value: "FILE" }),
  as: flag(text, "the user to act as in Kubernetes, where you may impersonate", { value: "USER" }),
  help: flag(bool, "this text", { short: "h" }),
  version: flag(bool, "the version"),
  output: flag(text, "how to print", { short: "o", value: "FORMAT" }),
  name: flag(text, "only what has this text in its name (users: or in the e-mail address)", {
    value: "TEXT",
  }),
  region: flag(text, "machines, networks: only of this region; types: with --available", { value: "REGION" }),
  available: flag(bool, "types: ask whether hardware is free in --region, with one call for each type shown"),
  secret: flag(secret, "Secret with the API key; paperspace-credentials/apiKey by default", {
    value: "NAME[/KEY]",
  }),
  follow: flag(bool, "go on with new lines until Ctrl-C", { short: "f" }),
  watch: flag(bool, "show it anew, in place on a terminal, until Ctrl-C", { short: "w" }),
  instance: flag(text, "only this instance (status.instances of the object has their ids)", { value: "ID" }),
  since: flag(
    since,
    "only what came since then: 10m, 30d, or 2026-01-31T08:00:00Z; costs by whole days (UTC)",
    {
      value: "WHEN",
    },
  ),
  by: flag(grouping, "sums by namespace, by machine type (type), or by a label (label=KEY)", {
    value: "WHAT",
  }),
  "since-time": flag(sinceTime, "the same with a time only, as in kubectl logs", { value: "TIME" }),
  tail: flag(tail, "only the newest lines, -1 for all; default 100, with --since all", { value: "N" }),
  timestamps: flag(bool, "the time before each line"),
  timeframe: flag(oneOf(...TIMEFRAMES), `one of ${TIMEFRAMES.join(", ")}; the API's own default`, {
    value: "FRAME",
  }),
  for: flag(duration("1m", "720h"), "for how long, such as 90m or 8h; 4h by default", {
    value: "DURATION",
  }),
  all: flag(bool, "all objects of both kinds in the namespace"),
  "all-namespaces": flag(bool, "in all namespaces; of release and adopt with --all", { short: "A" }),
  yes: flag(bool, "do not ask; needed where there is no terminal", { short: "y" }),
  "operator-namespace": flag(label, "namespace of the operator's lease; all are looked through by default", {
    value: "NAME",
  }),
  force: flag(bool, "also while an operator leads, or where that cannot be seen"),
} as const;

export type FlagName = keyof typeof FLAGS;
export type Flags = {
  readonly [K in FlagName]?: (typeof FLAGS)[K] extends Flag<infer T> ? T : never;
};

/** Taken by every command. */
export const COMMON_FLAGS: readonly FlagName[] = [
  "namespace",
  "context",
  "kubeconfig",
  "as",
  "help",
  "version",
];

export interface CommandLine {
  readonly args: readonly string[];
  readonly flags: Flags;
}

/** Flags may stand anywhere among the arguments; the last of a repeated one counts. Throws UsageError. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const options = Object.fromEntries(
    Object.entries(FLAGS).map(([name, { short, value }]: [string, Flag<unknown>]) => [
      name,
      { type: value === undefined ? ("boolean" as const) : ("string" as const), ...(short && { short }) },
    ]),
  );
  // Not strict: Node's own messages do not list what is valid, and may repeat a value that is a secret.
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const args: string[] = [];
  const values: Record<string, unknown> = {};
  const unknown = tokens.find((token) => token.kind === "option" && !Object.hasOwn(FLAGS, token.name));
  if (unknown?.kind === "option") throw unknownFlag(unknown.rawName);
  for (const token of tokens) {
    if (token.kind === "positional") args.push(token.value);
    if (token.kind !== "option") continue;
    values[token.name] = parsedValue(token.name as FlagName, token);
  }
  return { args, flags: values as Flags };
}

interface ParsedOption {
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function parsedValue(name: FlagName, { rawName, value: given, inlineValue }: ParsedOption): unknown {
  const { type, value: placeholder }: Flag<unknown> = FLAGS[name];
  if (placeholder === undefined && given === undefined) return true;
  // As in kubectl: -o=json is -o json.
  const value = rawName.startsWith("--") || !inlineValue ? given : given?.replace(/^=/, "");
  // -1 is a value, -f is the next flag.
  const missing = value === undefined || (!inlineValue && /^-(?!\d)/.test(value));
  if (missing) throw new UsageError(`${rawName}: the value is missing; give ${type.allowed}`);
  try {
    return type.parse(value);
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    throw new UsageError(`${rawName}: ${JSON.stringify(value)} is not allowed; give ${type.allowed}`);
  }
}

/** The value is not repeated: it may be an API key that the user tries to pass by a flag. */
function unknownFlag(name: string): UsageError {
  const isKey = /^--?(paperspace[-_]?)?api[-_]?key$/i.test(name);
  return new UsageError(
    isKey
      ? `${name}: not taken as a flag, where every process could read it; set PAPERSPACE_API_KEY`
      : `${name}: there is no such flag${meant(name)}; there are ${Object.keys(FLAGS)
          .map((known) => `--${known}`)
          .join(", ")}`,
  );
}

function meant(name: string): string {
  return name.startsWith("--")
    ? didYouMean(
        name,
        Object.keys(FLAGS).map((known) => `--${known}`),
      )
    : "";
}

/** A flag as shown in help: `-n, --namespace=NAME`. */
export function flagSyntax(name: FlagName): string {
  const { short, value }: Flag<unknown> = FLAGS[name];
  return `${short ? `-${short}, ` : "    "}--${name}${value ? `=${value}` : ""}`;
}
