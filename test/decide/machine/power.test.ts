/**
 * The precedence of what has a say in the power of a machine, for each pair over every combination of the facts. The order is
 * that of the table in docs/power.md, and what each of them says is spelt out here once more.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decideMachine } from "../../../src/kinds/machine/decide.ts";
import type { MachineObservation } from "../../../src/kinds/machine/observation.ts";
import { desiredPower, type PowerChange, type PowerFacts } from "../../../src/kinds/machine/power/desired.ts";
import { withPower } from "../../../src/kinds/machine/power/observed.ts";
import type { PowerState } from "../../../src/kinds/machine/types.ts";
import { toTime } from "../../../src/kube/objects.ts";
import { ANNOTATION } from "../../../src/reconcile/record.ts";
import { combinations } from "../engine/product.ts";
import { NOW, scene } from "./situations.ts";

const HOUR = 60 * 60_000;

interface Sayer {
  /** As in the table of docs/power.md. */
  name: string;
  /** What it says of these facts; undefined where it has no say. */
  says(facts: PowerFacts): PowerState | undefined;
}

/** Only where no time of the schedule came after it. */
const ofCause =
  (cause: PowerChange["cause"], state: PowerState) =>
  ({ change, edge }: PowerFacts) =>
    change?.cause === cause && (!edge || Date.parse(change.at) >= edge.at) ? state : undefined;

const isOvertaken = ({ change, edge }: PowerFacts) => change && edge && Date.parse(change.at) >= edge.at;

/** Of the newest ones, at most one has a say. */
const SAYERS: readonly Sayer[] = [
  { name: "`powerState: Stopped`", says: ({ declared }) => (declared === "Stopped" ? "Stopped" : undefined) },
  { name: "`lifetime`", says: ({ stoppedAt }) => (stoppedAt === undefined ? undefined : "Stopped") },
  {
    name: "`awake-until`",
    says: ({ awakeUntil, now }) => (awakeUntil !== undefined && awakeUntil > now ? "Running" : undefined),
  },
  { name: "`stop-requested-at`", says: ofCause("StopRequested", "Stopped") },
  { name: "`start-requested-at`, `restart-requested-at`", says: ofCause("StartRequested", "Running") },
  {
    name: "`schedule`",
    says: (facts) => (facts.edge && !isOvertaken(facts) ? facts.edge.state : undefined),
  },
  // Off stays off, on stays on.
  { name: "shutdown by Paperspace", says: ofCause("AutoShutdown", "Running") },
  { name: "`powerState: Running`", says: () => "Running" },
];

const CAUSES = ["StartRequested", "StopRequested", "AutoShutdown"] as const;

function* everyFact(): Generator<PowerFacts> {
  for (const facts of combinations<{
    declared: PowerState;
    awakeUntil: number | undefined;
    change: PowerChange | undefined;
    edge: PowerFacts["edge"];
    nextEdge: number | undefined;
    stoppedAt: string | undefined;
  }>({
    stoppedAt: [undefined, toTime(NOW - HOUR)],
    edge: [
      undefined,
      ...(["Running", "Stopped"] as const).flatMap((state) =>
        [NOW - 2 * HOUR, NOW - HOUR, NOW - HOUR / 2, NOW].map((at) => ({ state, at })),
      ),
    ],
    nextEdge: [undefined, NOW + 2],
    declared: ["Running", "Stopped"],
    awakeUntil: [undefined, NOW - 1, NOW, NOW + 1, NOW + HOUR],
    change: [
      undefined,
      ...CAUSES.flatMap((cause) => [NOW - HOUR, NOW].map((at): PowerChange => ({ cause, at: toTime(at) }))),
    ],
  })) {
    const { awakeUntil, stoppedAt, ...others } = facts;
    yield {
      ...others,
      ...(awakeUntil !== undefined && { awakeUntil }),
      ...(stoppedAt !== undefined && { stoppedAt }),
      now: NOW,
    };
  }
}

const pairs = SAYERS.flatMap((first, index) => SAYERS.slice(index + 1).map((second) => ({ first, second })));

describe("of two that say something else about a machine", () => {
  it.each(pairs)(
    "$first.name comes before $second.name, since users rely on one order",
    ({ first, second }) => {
      const before = SAYERS.slice(0, SAYERS.indexOf(first));
      for (const facts of everyFact()) {
        if (before.some(({ says }) => says(facts) !== undefined)) continue;
        const [said, other] = [first.says(facts), second.says(facts)];
        if (said !== undefined && other !== undefined)
          expect({ facts, state: desiredPower(facts).state }).toEqual({ facts, state: said });
      }
    },
  );

  it("comes in the order that the documentation has, or users would look it up in vain", () => {
    const page = readFileSync(new URL("../../../docs/power.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| \d+ \| (.+?) \|/gm)].map(([, name]) => name);
    expect(rows).toEqual(["deletion", "`paused`, `dry-run`, Observe", ...SAYERS.map(({ name }) => name)]);
  });

  it("decides anew at the very time at which one has no say any more", () => {
    for (const facts of everyFact()) {
      const { until } = desiredPower(facts);
      if (until === undefined) continue;
      expect(until).toBeGreaterThan(NOW);
      const before = desiredPower({ ...facts, now: until - 1 });
      expect(before).toEqual(desiredPower(facts));
    }
  });

  it("is decided anew at the next time of the schedule, unless it is declared to be off", () => {
    for (const facts of everyFact()) {
      const { until } = desiredPower(facts);
      if (facts.declared === "Running" && facts.nextEdge !== undefined)
        expect(until).toBeLessThanOrEqual(facts.nextEdge);
      if (facts.declared === "Stopped") expect(until).toBeUndefined();
    }
  });
});

/** Whatever has a say, as it stands on an object. */
function* everyObservation(): Generator<MachineObservation> {
  for (const { change, annotations, requests, state, declared } of combinations<{
    change: PowerChange | undefined;
    annotations: Record<string, string>;
    requests: MachineObservation["requests"];
    state: string;
    declared: PowerState;
  }>({
    change: [
      undefined,
      ...CAUSES.map((cause): PowerChange => ({ cause, at: toTime(NOW - HOUR), request: "v1" })),
    ],
    annotations: [{}, { [ANNOTATION.awakeUntil]: toTime(NOW + HOUR) }, { [ANNOTATION.awakeUntil]: "never" }],
    requests: [
      {},
      { start: "v1" },
      { stop: "v1" },
      { start: toTime(NOW - 2 * HOUR) },
      { start: toTime(NOW - 1_000), stop: toTime(NOW - 2_000), restart: "v1" },
      { stop: toTime(NOW + HOUR) },
    ],
    state: ["ready", "off", "starting"],
    declared: ["Running", "Stopped"],
  })) {
    const { observation, machine, spec } = scene();
    machine.state = state;
    spec.powerState = declared;
    const memory = change ? { powerChange: change, power: "Running" as const } : {};
    yield withPower({ ...observation, requests, memory }, { annotations });
  }
}

describe("before all that has a say", () => {
  it("comes the deletion: what is being deleted is neither started nor restarted", () => {
    for (const observation of everyObservation()) {
      const { step } = decideMachine({ ...observation, deleting: true });
      expect(["delete", "none"]).toContain(step.do);
    }
  });

  it("come pause, dry-run and Observe: nothing is done, and no request is remembered as seen", () => {
    const halted = { reason: "Paused", message: "paused" };
    for (const observation of everyObservation())
      for (const observes of [undefined, true] as const) {
        const { memory } = observation;
        const paused = { ...observation, halted, ...(observes && { observes }) };
        expect(withPower(paused).memory).toEqual(memory);
        expect(decideMachine(paused).step.do).toBe("none");
      }
  });
});

describe("a request that is open", () => {
  it("is answered only once status has it, or by a step that has it written first: else it would be lost in a crash", () => {
    for (const observation of everyObservation()) {
      const { step, memory } = decideMachine(observation);
      if (step.do !== "handle") continue;
      const isNoted = observation.power?.unnoted !== true;
      expect({ isNoted, known: memory.powerChange }).toEqual({
        isNoted: true,
        known: observation.memory.powerChange,
      });
    }
  });

  it("comes to an end, with nothing left open and nothing done twice", () => {
    for (const observation of everyObservation()) {
      if (observation.resource.state === "present" && observation.resource.machine.state === "starting")
        continue;
      expect(stepsToRest(observation)).toBeLessThan(8);
    }
  });
});

/** Passes until no request is open, each from what the one before has left in status. */
function stepsToRest(start: MachineObservation): number {
  let current = start;
  for (let passes = 0; passes < 20; passes++) {
    const { step, memory } = decideMachine(current);
    const { resource } = current;
    if (resource.state !== "present") throw new Error("there is a machine");
    const to = { start: "ready", stop: "off", restart: "ready" }[step.do as string];
    const answered = "requests" in step ? step.requests : undefined;
    if (step.do === "none" && Object.keys(current.requests).length === 0) return passes;
    const open = Object.entries(current.requests).filter(
      ([name, value]) => answered?.[name as keyof typeof answered] !== value,
    );
    const power = to === "off" ? "Stopped" : to ? "Running" : memory.power;
    current = withPower({
      ...current,
      spec: {
        ...current.spec,
        powerState: current.power?.reason === "Declared" ? current.spec.powerState : "Running",
      },
      requests: Object.fromEntries(open),
      memory: { ...memory, ...(power && { power }) },
      resource: { state: "present", machine: { ...resource.machine, ...(to && { state: to }) } },
      now: current.now + 1_000,
    });
  }
  return Number.POSITIVE_INFINITY;
}
