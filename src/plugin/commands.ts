/**
 * The table of commands: what each takes and who runs it, with one line of help each. The layout of help is in help.ts, the
 * types are in command.ts.
 */
import { adopt } from "./adopt.ts";
import { CAPACITY_FORMAT_NAMES, CAPACITY_FORMATS, capacity } from "./capacity.ts";
import type { Command } from "./command.ts";
import { completion, SHELLS } from "./completion.ts";
import { COST_FORMAT_NAMES, COST_FORMATS, cost } from "./cost.ts";
import { SHORT_NAMES } from "./kinds.ts";
import { LIST_FORMAT_NAMES, LIST_FORMATS, list } from "./list.ts";
import { LISTABLES } from "./listables.ts";
import { logs } from "./logs.ts";
import { METRICS, METRICS_FORMAT_NAMES, METRICS_FORMATS, metrics } from "./metrics.ts";
import { extend, restart, start, stop, wake } from "./power.ts";
import { release } from "./release.ts";

function rowsOf<T>(all: Readonly<Record<string, T>>, describe: (one: T) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(all).map(([name, one]) => [name, describe(one)]));
}

const MACHINES = "psm/NAME… [flags]";
const MACHINE = { "psm/": "a PaperspaceMachine" };
const DEPLOYMENT = { "psd/": "a PaperspaceDeployment" };

export const COMMANDS: Readonly<Record<string, Command>> = {
  list: {
    summary: "List what specs refer to: templates, machine types, users, networks and so on, with their ids",
    usage: "WHAT [flags]",
    args: {
      title: "WHAT is one of",
      rows: rowsOf(LISTABLES, ({ summary, usedIn }) => `${summary} (${usedIn})`),
    },
    flags: ["name", "region", "available", "secret", "output"],
    formats: `${LIST_FORMATS.allowed}; table by default. name: the values for specs`,
    complete: { args: [rowsOf(LISTABLES, ({ summary }) => summary)], output: LIST_FORMAT_NAMES },
    examples: [
      "list templates --name ubuntu",
      "list types --name a100 --available --region ny2",
      "list users -o json",
    ],
    run: list,
  },
  logs: {
    summary: "Print the log of a deployment, and follow it",
    usage: "psd/NAME [flags]",
    flags: ["follow", "instance", "since", "since-time", "tail", "timestamps", "yes"],
    complete: { args: [DEPLOYMENT] },
    examples: ["logs psd/api", "logs psd/api -f --since 10m", "logs psd/api --tail=-1 --timestamps"],
    run: logs,
  },
  metrics: {
    summary: "Draw a metric of a deployment",
    usage: "psd/NAME METRIC [flags]",
    args: { title: "METRIC is one of", rows: rowsOf(METRICS, ({ summary }) => summary) },
    flags: ["timeframe", "output", "yes"],
    formats: `${METRICS_FORMATS.allowed}; chart by default`,
    complete: { args: [DEPLOYMENT, rowsOf(METRICS, ({ summary }) => summary)], output: METRICS_FORMAT_NAMES },
    examples: [
      "metrics psd/api cpu",
      "metrics psd/api memory --timeframe day",
      "metrics psd/api gpu -o json",
    ],
    run: metrics,
  },
  capacity: {
    summary: "Show which hardware is short, which machines wait for it, and which is next",
    usage: "[flags]",
    flags: ["watch", "output"],
    formats: `${CAPACITY_FORMATS.allowed}; table by default`,
    complete: { output: CAPACITY_FORMAT_NAMES },
    examples: ["capacity", "capacity --watch", "capacity -n team-a -o json"],
    run: capacity,
  },
  cost: {
    summary: "Show what objects cost, now and so far",
    usage: "[flags]",
    flags: ["all-namespaces", "by", "since", "output"],
    formats: `${COST_FORMATS.allowed}; table by default`,
    complete: { output: COST_FORMAT_NAMES },
    examples: ["cost", "cost -A --by namespace", "cost --since 30d", "cost -A --by label=team -o json"],
    run: cost,
  },
  start: {
    summary: "Start machines, until their schedule or a request stops them",
    usage: MACHINES,
    flags: [],
    complete: { args: [MACHINE] },
    examples: ["start psm/trainer", "start psm/trainer psm/notebook -n team-a"],
    run: start,
  },
  stop: {
    summary: "Stop machines, until their schedule or a request starts them",
    usage: MACHINES,
    flags: [],
    complete: { args: [MACHINE] },
    examples: ["stop psm/trainer"],
    run: stop,
  },
  restart: {
    summary: "Restart machines once; one that is off is started",
    usage: MACHINES,
    flags: [],
    complete: { args: [MACHINE] },
    examples: ["restart psm/trainer"],
    run: restart,
  },
  wake: {
    summary: "Keep machines on for a while, whatever their schedule says; one that is off is started",
    usage: MACHINES,
    flags: ["for"],
    complete: { args: [MACHINE] },
    examples: ["wake psm/trainer", "wake psm/trainer --for 8h"],
    run: wake,
  },
  extend: {
    summary: "Extend the lifetime of machines, beyond the stop or the deletion that comes next",
    usage: MACHINES,
    flags: ["for"],
    complete: { args: [MACHINE] },
    examples: ["extend psm/trainer --for 24h"],
    run: extend,
  },
  release: {
    summary: "Release objects before the operator is uninstalled: what they own stays, and goes on costing",
    usage: `${SHORT_NAMES.map((short) => `${short}/NAME`).join("|")}… | --all [flags]`,
    flags: ["all", "all-namespaces", "yes", "operator-namespace", "force"],
    complete: { args: [Object.fromEntries(SHORT_NAMES.map((short) => [`${short}/`, "an object"]))] },
    examples: ["release psm/trainer psd/api", "release --all -n team-a", "release --all -A --yes"],
    run: release,
  },
  adopt: {
    summary: "Let objects of a restored backup or a moved cluster own what they owned before",
    usage: `${SHORT_NAMES.map((short) => `${short}/NAME`).join("|")}… | --all [flags]`,
    flags: ["all", "all-namespaces", "yes"],
    complete: { args: [Object.fromEntries(SHORT_NAMES.map((short) => [`${short}/`, "an object"]))] },
    examples: ["adopt --all -n team-a", "adopt --all -n team-a --yes", "adopt psm/trainer"],
    run: adopt,
  },
  completion: {
    summary: "Print the completion of this plugin for a shell",
    usage: "SHELL [flags]",
    args: {
      title: "SHELL is one of",
      rows: {
        bash: "source <(kubectl paperspace completion bash)",
        zsh: "source <(kubectl paperspace completion zsh)",
        fish: "kubectl paperspace completion fish | source",
      },
    },
    flags: [],
    complete: { args: [Object.fromEntries(SHELLS.map((shell) => [shell, ""]))] },
    examples: ["completion bash", "completion fish"],
    run: completion,
  },
};
