/**
 * The plan is what is done: over the whole product of observations, decisions are played against the model of the cloud
 * until they rest, and the writes among them are exactly the plan of the observation that they began from.
 *
 * Not in a plan, by design:
 * - what is waited for: a wait is a rest, unless a write came before it or a roll back begins at once (0 ms),
 *   or an absence is only confirmed once more;
 * - what backs off or failed to be read: it is played on as if the read succeeded;
 * - bookkeeping on the object (finalizer, record, attempt), and requests by annotation, which write nothing;
 * - project secrets that are put or dropped, and strays that are deleted: they are not declared.
 * While facts are missing, a plan is either empty or, with the facts in favour, exactly what is done.
 */
import { describe } from "vitest";
import { leavesOf, shown } from "../../../src/kinds/deployment/compare.ts";
import { decideDeployment } from "../../../src/kinds/deployment/decide.ts";
import type {
  DeploymentDecision,
  DeploymentObservation,
  Target,
} from "../../../src/kinds/deployment/observation.ts";
import { type Plan, planOf } from "../../../src/kinds/deployment/plan.ts";
import { readConfig } from "../../../src/kinds/deployment/stored-config.ts";
import { type Law, lawsOf, outcomeOf } from "../engine/law.ts";
import { itKeepsItsLaws } from "../engine/walk.ts";
import { scene } from "./axes.ts";
import { ObservedWorld } from "./observed-world.ts";
import { PRODUCTS } from "./products.ts";
import { situation } from "./situations.ts";

type Step = DeploymentDecision["step"];

/** A cloud write that a plan speaks of, with the configuration that was shown before it, and the one that was sent. */
interface Write {
  action: "Create" | "Deploy" | "Delete";
  before?: { name: string; data: unknown };
  sent?: Target;
}

interface Played {
  writes: readonly Write[];
  /** No fact was missing before the first write, or before the rest. */
  isComplete: boolean;
}

const AT_REST: Played = { writes: [], isComplete: true };
const PASSES = 60;

/** By the decision that it begins with: each law needs it. */
const PLAYED = new WeakMap<DeploymentDecision, Played>();
function played(observation: DeploymentObservation, first: DeploymentDecision): Played {
  const before = PLAYED.get(first);
  if (before) return before;
  const outcome = outcomeOf(first.step);
  const waits = outcome?.kind === "RequeueAfter" && outcome.afterMs > 0 && !first.confirms;
  const isAtRest = waits || outcome?.kind === "Done" || outcome?.kind === "Terminal";
  const played = isAtRest && !observation.halted ? AT_REST : play(observation, first);
  PLAYED.set(first, played);
  return played;
}

function play(observation: DeploymentObservation, first: DeploymentDecision): Played {
  const world = new ObservedWorld(observation);
  // What is halted is played as if it were not.
  let decided = observation.halted ? undefined : first;
  const writes: Write[] = [];
  let isComplete = true;
  for (let passes = 0; passes < PASSES; passes++) {
    const { isChanged } = world;
    const { step, needs = [], confirms } = world.pass(decided);
    decided = undefined;
    const write = writeOf(step, observation);
    if (write) writes.push(write);
    const outcome = outcomeOf(step);
    if (step.do === "release") return { writes, isComplete };
    if (confirms) world.confirmAbsence();
    if (!outcome || confirms) continue;
    const isLacking = outcome.kind === "Unknown" || outcome.kind === "Retry";
    if (isLacking && (needs.length > 0 || world.resolve())) {
      if (!isChanged) isComplete = false;
      continue;
    }
    const goesOn = outcome.kind === "RequeueAfter" && (isChanged || outcome.afterMs === 0);
    if (!goesOn) return { writes, isComplete };
  }
  throw new Error("no rest");
}

function writeOf(step: Step, { desired }: DeploymentObservation): Write | undefined {
  switch (step.do) {
    case "create":
      return { action: "Create", ...(desired.state === "known" && { sent: desired }) };
    case "deploy": {
      const { name, latestSpec } = step.deployment;
      return { action: "Deploy", before: { name, data: latestSpec?.data }, sent: step.target };
    }
    case "delete":
      return { action: "Delete" };
    default:
      return undefined;
  }
}

function isExactly(plan: Plan, writes: readonly Write[], observation: DeploymentObservation): boolean {
  const [write, ...more] = writes;
  if (!write) return plan.length === 0;
  if (more.length > 0 || plan.length === 0) return false;
  if (plan.some(({ action }) => action !== write.action)) return false;
  if (write.action === "Delete") return plan.length === 1 && plan[0]?.field === undefined;
  return leadsThere(plan, write, observation);
}

/** Carried out on what was shown, the entries lead to what was sent; what the API fills in by itself may stay. */
function leadsThere(plan: Plan, { before, sent }: Write, { memory }: DeploymentObservation): boolean {
  if (!sent) return false;
  const stored = before && readConfig(before.data);
  const leaves = new Map(stored ? leavesOf(stored) : []);
  if (before && !leaves.has("name")) leaves.set("name", before.name);
  const result = visible(leaves);
  for (const { field, from, to } of plan) {
    if (field === undefined) continue;
    // A name that only the deployment has, and not its configuration, is named as it is.
    if (field !== "name" && result.get(field) !== from) return false;
    if (to === undefined) result.delete(field);
    else result.set(field, to);
  }
  // What cannot be read cannot be compared.
  if (before && before.data !== undefined && !stored) return true;
  const filled = new Set(["region", "command", ...memory.history.flatMap(({ filled: some = [] }) => some)]);
  const expected = visible(sent.leaves);
  return (
    [...expected].every(([field, value]) => result.get(field) === value) &&
    [...result.keys()].every((field) => expected.has(field) || filled.has(field))
  );
}

/** Values as a plan shows them: as JSON, and hidden where they may be secret. */
function visible(leaves: ReadonlyMap<string, unknown>): Map<string, string> {
  const changes = [...leaves].map(([field, to]) => ({ field, from: undefined, to }));
  return new Map(shown(changes).map(({ field, to }) => [field, JSON.stringify(to)]));
}

const law = lawsOf<DeploymentObservation, DeploymentDecision>();
const ANY = [
  ...["create", "deploy", "delete", "deleteStray", "putSecret", "dropSecret", "handle", "none"],
  ...["addFinalizer", "release", "restoreRecord", "recordOwnership", "disown", "closeAttempt", "adopt"],
] as DeploymentDecision["step"]["do"][];

const PLAN_LAWS: readonly Law<DeploymentObservation, DeploymentDecision>[] = [
  law(
    { choices: ANY, when: (observation, _step, decision) => played(observation, decision).isComplete },
    "the steps that are taken until it rests are exactly the plan",
    (observation, _step, decision) =>
      isExactly(planOf(observation), played(observation, decision).writes, observation),
  ),
  law(
    { choices: ANY, when: (observation, _step, decision) => !played(observation, decision).isComplete },
    "a plan that lacks facts is empty, or what is done where they are in favour",
    (observation, _step, decision) => {
      const plan = planOf(observation);
      return plan.length === 0 || isExactly(plan, played(observation, decision).writes, observation);
    },
  ),
];

describe("the plan of a deployment", () => {
  const checked = { decide: decideDeployment, laws: PLAN_LAWS, plain: () => situation() };
  itKeepsItsLaws(checked, scene, PRODUCTS);
});
