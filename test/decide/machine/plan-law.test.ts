/**
 * The plan against the decision: from every observation, the steps that `decide` takes until no step is left, played
 * against the model of the cloud, are exactly the plan of that observation, in its order. Of the model the plan assumes:
 * - What is missing (`missingFacts`) stays so: the plan is of what is known. Hardware that may be short is free,
 *   an account of which nothing is known is in good standing, and what backs off is tried again.
 * - What the cloud accepts, it does: an attempt that it refuses or that fails was planned all the same. A resize leaves
 *   the machine off; where it ends with the machine on, the power after it is not that of the plan.
 * What a plan leaves out, or puts in other words:
 * - What changes nothing of the machine itself: the record of the ownership, acknowledged requests, the Secret with the
 *   desktop access, an address that is released.
 * - A stop for a resize, and the start after it, are the `needsStop` of that resize; a stop for a delete is the delete's.
 * - What follows a create and concerns a field that the entries of the create name.
 * - A requested restart of a machine that is resized, too, while an operation of it is in flight: it comes first where a
 *   hint of free hardware has expired by then, else the start after the resize answers it.
 * - While a change of power is under way, or the machine is in transition: hardware and power, since it is not known
 *   where that ends.
 */
import { describe, expect, it } from "vitest";
import { missingFacts } from "../../../src/kinds/machine/aspects/list.ts";
import type { MachineDecision, MachineObservation } from "../../../src/kinds/machine/observation.ts";
import { FACT, SNAPSHOT, TO_DELETE, TO_RESIZE } from "../../../src/kinds/machine/observation.ts";
import { type Plan, planOf } from "../../../src/kinds/machine/plan.ts";
import { EXTERNAL_CHANGE } from "../../../src/reconcile/decision.ts";
import { differenceFrom } from "../engine/law-checker.ts";
import { play, type Verdict } from "../engine/play.ts";
import type { Product } from "../engine/product.ts";
import * as A from "./axes.ts";
import { type Manners, World } from "./model.ts";
import { axis, every, ID, inFlight, type Situation, scene } from "./situations.ts";
import { SNAPSHOTS } from "./snapshot-laws.ts";

type Step = MachineDecision["step"];

const PASSES = 300;

/** The steps until no step is left, as entries of a plan; undefined where that does not come about. */
function played(world: World): string[] | undefined {
  const entries: string[] = [];
  let isStoppedForResize = false;
  const judge = (_world: World, { step, memory, needs = [] }: MachineDecision, moving: boolean): Verdict => {
    if (step.do === "release") return "has ended";
    // The start after the resize that the machine was stopped for.
    const isPartOfResize = step.do === "start" && isStoppedForResize;
    if (!isPartOfResize) entries.push(...entriesOf(step, isStoppedForResize));
    if (step.do === "start" || step.do === "stop")
      isStoppedForResize = step.do === "stop" && step.target === TO_RESIZE;
    const ends = step.do === "none" && !moving && isLast(step, memory, needs, world.observation);
    return ends ? "has ended" : "goes on";
  };
  return play(world, { passes: PASSES, judge }) === undefined ? entries : undefined;
}

function entriesOf(step: Step, isStoppedForResize: boolean): string[] {
  switch (step.do) {
    case "create":
      return ["Create"];
    case "delete":
      return ["Delete"];
    case "update":
      return step.changes.map(({ field, from, to }) => worded("Update", field, from, to));
    case "resize":
      return step.changes.map(({ field, from, to }) =>
        worded(isStoppedForResize ? "Stop and Resize" : "Resize", field, from, to),
      );
    case "snapshot":
      return [isStoppedForResize ? "Stop and Snapshot" : "Snapshot"];
    case "assign":
      return [worded("Assign", "startupScriptId", undefined, step.of)];
    case "unassign":
      return [worded("Unassign", "startupScriptId", step.of, undefined)];
    case "grant":
      return [worded("Grant", "accessors", undefined, step.of)];
    case "revoke":
      return [worded("Revoke", "accessors", step.of, undefined)];
    case "restart":
      return ["Restart"];
    case "start":
      return ["Start"];
    case "stop":
      if (step.target === TO_RESIZE || step.target === TO_DELETE) return [];
      return ["Stop"];
    default:
      return [];
  }
}

function worded(action: string, field: string, from: unknown, to: unknown): string {
  return `${action} ${field} ${JSON.stringify(from)} ${JSON.stringify(to)}`;
}

/** No step is left, whatever time passes; where facts are missing, those that stay so. */
function isLast(
  step: Step & { do: "none" },
  { operation }: MachineDecision["memory"],
  needs: readonly string[],
  observation: MachineObservation,
): boolean {
  const { kind } = step.outcome;
  if (needs.some((fact) => !missingFacts(observation).includes(fact))) return false;
  return (
    kind === "Done" ||
    kind === "Unknown" ||
    (kind === "Terminal" && (!operation || operation.intent === EXTERNAL_CHANGE))
  );
}

function wordsOf(plan: Plan): string[] {
  const parsed = (value: string | undefined) => (value === undefined ? undefined : JSON.parse(value));
  return plan.map(({ action, field, from, to, needsStop }) =>
    // From which state it is started or stopped is that of the machine by then.
    field === undefined || field === "powerState"
      ? stopped(action, needsStop)
      : worded(stopped(action, needsStop), field, parsed(from), parsed(to)),
  );
}

function stopped(action: string, needsStop: boolean): string {
  return needsStop ? `Stop and ${action}` : action;
}

/** Where a change of power ends is not known. */
function isPowerOpen({ event, memory, resource }: MachineObservation): boolean {
  const state = resource.state === "present" ? resource.machine.state : "off";
  const underWay = event.state === "pending" || (event.state === "done" && event.unseen === true);
  const ours = memory.operation && memory.operation.intent !== EXTERNAL_CHANGE;
  if (state === "serviceready") return ours !== undefined;
  return (ours && underWay) || !["off", "ready"].includes(state);
}

const AT_ANY_POWER = /^(Update|Assign|Unassign|Grant|Revoke) /;

/** What is wrong with the plan of an observation; undefined where nothing is. */
function wrong(
  plan: readonly string[],
  observation: MachineObservation,
  manners: Partial<Manners>,
): string | undefined {
  // Who may have access is not known either while its facts are not complete.
  const unreadable = [FACT.scripts, FACT.accessors, FACT.users].filter(
    (fact) => observation.related[fact] === undefined,
  );
  const steps = played(World.from(observation, manners, unreadable));
  if (!steps) return "no end";
  const shown = `${plan.join(", ")} | ${steps.join(", ")}`;
  if (plan[0] === "Create") return isCreated(plan, steps) ? undefined : shown;
  if (observation.deleting || !isPowerOpen(observation)) {
    const compared = comparedOf(observation, manners);
    return compared(plan).join() === compared(steps).join() ? undefined : shown;
  }
  const sure = steps.filter((step) => AT_ANY_POWER.test(step));
  const planned = plan.filter((step) => AT_ANY_POWER.test(step));
  return planned.join() === sure.join() && isWithin(plan, steps) ? undefined : shown;
}

function comparedOf(
  { requests, memory: { operation } }: MachineObservation,
  { resize }: Partial<Manners>,
): (steps: readonly string[]) => readonly string[] {
  if (resize === "back on") return untilResized;
  return operation && requests.restart !== undefined ? withoutRestart : (steps) => steps;
}

function withoutRestart(steps: readonly string[]): readonly string[] {
  const isResized = steps.some((step) => step.startsWith("Stop and Resize"));
  return isResized ? steps.filter((step) => step !== "Restart") : steps;
}

/** Without what follows a resize. */
function untilResized(steps: readonly string[]): readonly string[] {
  const last = steps.findLastIndex((step) => step.includes("Resize "));
  return last < 0 ? steps : steps.slice(0, last + 1);
}

function isCreated(plan: readonly string[], steps: readonly string[]): boolean {
  const fields = plan.slice(1).map((entry) => entry.split(" ")[1]?.split(".")[0]);
  const [first, ...others] = steps;
  return (
    first === "Create" && others.every((step) => fields.includes(step.split(" ")[1]?.split(".")[0] ?? ""))
  );
}

/** Whether all of `some` come in `all`, in that order. */
function isWithin(some: readonly string[], all: readonly string[]): boolean {
  let found = 0;
  for (const one of all) if (one === some[found]) found++;
  return found === some.length;
}

/** What `autoShutdown` declares: an update of it decides whether a machine that is off counts as shut down by itself. */
const AUTO_SHUTDOWN_DECLARED = axis(
  [undefined, { enabled: true }, { enabled: false }],
  ({ spec }, declared) => {
    spec.autoShutdown = declared;
  },
);
const NONE_OR_TYPE = A.hardware(["none", "type"]);
const ANY_POLICY = A.policy("WhenStopped", "StopAndResize");
const SETTLED = A.states("ready", "serviceready", "off");

interface Played extends Product<Situation> {
  manners: readonly Partial<Manners>[];
}

const PRODUCTS: readonly Played[] = [
  {
    what: "settings, scripts and accessors, and what backs off",
    axes: [
      A.SETTINGS,
      A.SCRIPTS,
      A.PEOPLE,
      A.HOLDS.slice(0, 3),
      A.states("ready", "off", "starting"),
      A.WISH,
      NONE_OR_TYPE,
      A.policy("StopAndResize"),
    ],
    manners: [{}],
    atLeast: 40_000,
  },
  {
    what: "several settings, and which of them are refused",
    axes: [A.SEVERAL_SETTINGS, A.HELD_SETTINGS, A.EVERY_STATE, A.WISH, NONE_OR_TYPE],
    manners: [{}],
    atLeast: 10_000,
  },
  {
    what: "hardware, what was refused, power and requests",
    axes: [
      A.hardware(),
      ANY_POLICY,
      A.EVERY_REFUSAL,
      A.ASKED.slice(0, 2),
      A.STANDING,
      SETTLED,
      A.WISH,
      A.SELF_SHUT_DOWN,
      A.REQUESTED,
    ],
    manners: [{ resize: "off" }, { resize: "back on" }],
    atLeast: 30_000,
  },
  {
    what: "the snapshot before a resize",
    axes: [
      SNAPSHOTS,
      A.hardware(["none", "type"]),
      ANY_POLICY,
      A.refused("no", "fresh", "of its snapshot", "of its snapshot, long ago", "unconfirmed"),
      SETTLED,
      A.WISH,
      A.SELF_SHUT_DOWN,
      A.inFlightAxis(inFlight().filter(({ operation }) => !operation || operation.intent === SNAPSHOT)),
    ],
    manners: [{}, { snapshot: "lost, but done" }],
    atLeast: 5_000,
  },
  {
    what: "power that changed by itself, and hardware that is waited for",
    axes: [
      AUTO_SHUTDOWN_DECLARED,
      A.AUTO_SHUTDOWN,
      A.POWER,
      A.SETTINGS,
      A.CAPACITY,
      NONE_OR_TYPE,
      ANY_POLICY,
      A.EVERY_STATE,
      A.WISH,
    ],
    manners: [{}, { shortages: 2 }],
    atLeast: 10_000,
  },
  {
    what: "what is in flight, and requests",
    axes: [
      A.inFlightAxis(inFlight()),
      A.EVERY_STATE,
      A.WISH,
      A.SELF_SHUT_DOWN,
      A.REQUESTED.slice(0, 4),
      NONE_OR_TYPE,
      A.policy("StopAndResize"),
      A.SETTINGS,
    ],
    manners: [{}],
    atLeast: 200_000,
  },
  {
    what: "desktop, addresses, deletion, and a machine that is gone",
    axes: [
      ...A.DESKTOP,
      ...A.ADDRESS,
      A.ON_EXTERNAL_DELETION,
      [...A.UNSEEN.slice(3), ...A.addressed(A.states("ready", "off"))],
      A.DELETING,
      A.WISH,
    ],
    manners: [{}],
    atLeast: 50_000,
  },
  {
    what: "what is held of a machine that was off when it was adopted",
    axes: [
      axis([false, true], ({ observation }, adopts) => {
        const { identity } = scene().observation;
        observation.identity = adopts && identity.state === "ours" ? { state: "adopt", id: ID } : identity;
      }),
      A.hardware(),
      ANY_POLICY,
      A.SETTINGS.slice(0, 2),
      A.EVERY_STATE,
      A.WISH,
      A.ADOPTED_OFF,
      A.REQUESTED,
    ],
    manners: [{}],
    atLeast: 2_000,
  },
  {
    what: "a create",
    axes: [
      A.STANDING,
      A.QUOTA,
      A.PEOPLE,
      A.SETTINGS,
      A.WISH,
      axis(["none", "ours"] as const, ({ observation }, state) => {
        observation.identity = state === "none" ? { state } : scene().observation.identity;
        observation.resource = { state: "absent", certain: true };
        observation.spec.onExternalDeletion = "Recreate";
      }),
    ],
    manners: [{}],
    atLeast: 1_000,
  },
  {
    what: "a deletion in flight",
    axes: [A.DELETING.slice(1), A.inFlightAxis(), A.EVERY_STATE, A.WISH],
    manners: [{}],
    atLeast: 4_000,
  },
];

describe("the plan", () => {
  it.each(PRODUCTS)(
    "is exactly the steps that are taken until none is left, whatever is observed of $what",
    ({ axes, manners, atLeast }) => {
      const found = new Map<string, string>();
      const observations = every(axes, ({ observation }) => {
        const plan = wordsOf(planOf(observation));
        for (const one of manners) {
          const what = wrong(plan, observation, one);
          if (what && !found.has(what))
            found.set(what, JSON.stringify([differenceFrom(observation, scene().observation), one]));
        }
      });
      expect([...found].slice(0, 20).map(([what, where]) => `${what}   FROM ${where}`)).toEqual([]);
      expect(observations).toBeGreaterThan(atLeast);
    },
    120_000,
  );
});
