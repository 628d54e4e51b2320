/**
 * What an hour in each state costs, in calls of Paperspace and in writes of Kubernetes: the law over a table of states
 * that an object may stay in for ever. The flags have their defaults, and time is virtual.
 */
import { describe, expect, it } from "vitest";
import { DEPLOYMENT_STATES, DEPLOYMENTS_UNDER_WAY } from "../support/states/deployment.ts";
import { MACHINE_STATES, MACHINES_UNDER_WAY } from "../support/states/machine.ts";
import { MACHINE_ERRORS } from "../support/states/machine-errors.ts";
import type { Cost, State } from "../support/states/state.ts";
import { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** At most so many an hour, of one object that is alone in its team. */
const BOUNDS: Readonly<Record<Cost, { calls: number; writes: number }>> = {
  // A list and a read each resync, and facts that are read more rarely.
  atRest: { calls: 20, writes: 0 },
  // One try each slow retry, with the reads around it; failed reads back off to five minutes, and are sent four times.
  waiting: { calls: 120, writes: 36 },
  // A minute of polls after each try.
  retrying: { calls: 180, writes: 65 },
  // Events are polled, and the state read now and then.
  underWay: { calls: 1_400, writes: 60 },
};

interface Window {
  /** When it begins, after the state was begun; all in milliseconds. */
  fromMs: number;
  lengthMs: number;
}

/** What the state costs in the window, an hour. */
async function measured(state: State, objects: "machines" | "deployments", { fromMs, lengthMs }: Window) {
  const world = new VirtualWorld({
    simulation: { vendorOpenapi: false, ...state.simulation },
    // The lease is renewed whatever the objects do.
    flags: ["--leader-elect=false"],
  });
  world.start();
  await state.reach(world);
  await world.clock.advance(fromMs);
  world.sim.calls.clear();
  world.kube.calls.length = 0;
  await world.clock.advance(lengthMs);
  const perHour = (count: number) => Math.round((count * HOUR) / lengthMs);
  const calls = perHour(world.sim.calls.list().length);
  const writes = perHour(world.kube.calls.filter(({ method }) => method !== "GET").length);
  // A retry may be under way just now.
  const reason = () =>
    objects === "machines"
      ? world.condition(state.name ?? "box", "Ready")?.reason
      : world.deployments.condition(state.name ?? "web", "Ready")?.reason;
  await world.until(`the reason is ${state.reason}`, () => reason() === state.reason, 15 * MINUTE);
  await world.end();
  return { calls, writes };
}

function law(
  objects: "machines" | "deployments",
  states: Readonly<Record<string, State>>,
  window: Window,
): void {
  for (const [name, state] of Object.entries(states))
    it(name, async () => {
      const { calls, writes } = await measured(state, objects, window);
      const most = BOUNDS[state.cost];
      expect(calls, "calls an hour").toBeLessThanOrEqual(most.calls);
      expect(writes, "writes an hour").toBeLessThanOrEqual(most.writes);
    });
}

/** Past every deadline. */
const LATER = { fromMs: 1.5 * HOUR, lengthMs: 2 * HOUR };
const SOON = { fromMs: MINUTE, lengthMs: 10 * MINUTE };

describe("for hours, at most the pace of its state costs a machine", () =>
  law("machines", { ...MACHINE_STATES, ...MACHINE_ERRORS }, LATER));
describe("before its deadline, polls cost a machine", () => law("machines", MACHINES_UNDER_WAY, SOON));
describe("for hours, at most the pace of its state costs a deployment", () =>
  law("deployments", DEPLOYMENT_STATES, LATER));
describe("before its deadline, polls cost a deployment", () =>
  law("deployments", DEPLOYMENTS_UNDER_WAY, SOON));
