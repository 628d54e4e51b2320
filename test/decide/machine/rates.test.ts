/**
 * What must hold of rates in a placement, whatever is known of them: what is known to cost too much is not created, and what
 * a machine shows of its rate has nothing done to it.
 */
import { isDeepStrictEqual } from "node:util";
import { expect, it } from "vitest";
import { decideMachine } from "../../../src/kinds/machine/decide.ts";
import type { MachineDecision, MachineObservation } from "../../../src/kinds/machine/observation.ts";
import { toTime } from "../../../src/kube/objects.ts";
import { type Law, lawsOf } from "../engine/law.ts";
import { itKeepsItsLaws } from "../engine/walk.ts";
import { DELETING, HALTED, WISH } from "./axes.ts";
import { axis, ID, MINUTE, NOW, RECORD, type Situation, scene } from "./situations.ts";
import { HALT, HALTS, status } from "./status.ts";

const KEYS = ['["ny2","H100"]', '["ca1","A4000"]'] as const;
const CANDIDATES = [
  { machineType: "H100", regions: ["ny2"] },
  { machineType: "A4000", regions: ["ca1"] },
];
const RATES = [undefined, 0.5, 4, 5.95] as const;

const ORDER = axis([undefined, "Declared", "Price"] as const, ({ spec }, order) => {
  spec.machineType = "H100";
  spec.placement = { candidates: CANDIDATES, ...(order && { order }) };
});
const MAXIMUM = axis([undefined, "4.00", "0.10"], ({ spec }, maxHourlyRate) => {
  const { maxHourlyRate: _before, ...placement } = spec.placement ?? { candidates: CANDIDATES };
  spec.placement = { ...placement, ...(maxHourlyRate !== undefined && { maxHourlyRate }) };
});
/** Null: nothing was read yet. */
const KNOWN = axis(
  [null, ...RATES.flatMap((first) => RATES.map((second) => [first, second] as const))],
  ({ related }, rates) => {
    const known = KEYS.flatMap((key, index) => {
      const rate = rates?.[index];
      return rate === undefined ? [] : [[key, rate] as const];
    });
    related.rates = rates === null ? undefined : Object.fromEntries(known);
  },
);
const HINTS = ["free", "short", "unknown"] as const;
const HINTED = axis(
  HINTS.flatMap((first) => HINTS.map((second) => [first, second] as const)),
  ({ related }, hints) => {
    const capacity = (hint: (typeof HINTS)[number]) =>
      hint === "short" ? { hint, retryMs: 15_000 } : { hint };
    related.places = Object.fromEntries(KEYS.map((key, index) => [key, capacity(hints[index] ?? "free")]));
  },
);
const TRIED = axis([undefined, 0, 1], ({ memory }, index) => {
  const at = toTime(NOW - MINUTE);
  const [machineType, region] = index === 0 ? ["H100", "ny2"] : ["A4000", "ca1"];
  const tried = [{ candidate: { machineType, region }, outcome: "NoHardware", at }] as const;
  memory.placement = index === undefined ? undefined : { tried: [...tried] };
});
const NOTHING = axis([0], ({ observation }) => {
  observation.identity = { state: "none" };
  observation.resource = { state: "unknown" };
});

/** A shell, and what is none: it was on, or is on. */
const MACHINE = axis(
  ["shell", "was on", "on"] as const,
  ({ observation, machine, memory, related }, what) => {
    const ended = toTime(NOW - 10 * MINUTE);
    machine.state = what === "on" ? "ready" : "off";
    machine.machineType = "H100";
    machine.dtModified = ended;
    memory.placement = {
      chosen: { machineType: "H100", region: "ny2", rate: 3 },
      attempt: { name: RECORD.name, at: toTime(NOW - 30 * MINUTE) },
    };
    memory.power = what === "was on" ? "Running" : undefined;
    observation.history = [
      { id: "create", name: "create", state: "done", machineId: ID, dtCreated: ended, dtFinished: ended },
    ];
    related.shell = { events: observation.history, isSettled: true };
    observation.resource = { state: "present", machine };
  },
);
const SHOWN = axis([null, 0, 3.99, 4, 5.95], ({ machine }, usageRate) => {
  machine.usageRate = usageRate;
});

const rateAt = ({ related }: MachineObservation, index: number) => related.rates?.[KEYS[index] ?? ""];
const isOver = ({ spec }: MachineObservation, rate: number | undefined) => {
  const most = spec.placement?.maxHourlyRate;
  return most !== undefined && rate !== undefined && rate > Number.parseFloat(most);
};
const isOpen = ({ related, memory, spec }: MachineObservation, index: number) => {
  const { machineType } = CANDIDATES[index] ?? {};
  const wasTried = memory.placement?.tried?.some(({ candidate }) => candidate.machineType === machineType);
  return (
    !wasTried && (spec.powerState === "Stopped" || related.places?.[KEYS[index] ?? ""]?.hint !== "short")
  );
};
const chosenIn = ({ memory }: MachineDecision) =>
  CANDIDATES.findIndex(({ machineType }) => machineType === memory.placement?.chosen?.machineType);
const withoutRate = (observation: MachineObservation): MachineObservation => {
  const { resource } = observation;
  if (resource.state !== "present") return observation;
  return { ...observation, resource: { ...resource, machine: { ...resource.machine, usageRate: null } } };
};

const law = lawsOf<MachineObservation, MachineDecision>();
const LAWS: readonly Law<MachineObservation, MachineDecision>[] = [
  law(["create"], "what is known to cost more than allowed is not created", (observation, _s, decision) => {
    return !isOver(observation, rateAt(observation, chosenIn(decision)));
  }),
  law(["create"], "where rates decide, nothing is created before they were read", ({ spec, related }) => {
    const { order, maxHourlyRate } = spec.placement ?? {};
    return related.rates !== undefined || (order !== "Price" && maxHourlyRate === undefined);
  }),
  law(["create"], "by price, nothing cheaper is known that may be had", (observation, _s, decision) => {
    const chosen = chosenIn(decision);
    const other = rateAt(observation, 1 - chosen);
    const isCheaper =
      other !== undefined && other < (rateAt(observation, chosen) ?? Number.POSITIVE_INFINITY);
    const isMissed = isCheaper && isOpen(observation, 1 - chosen) && !isOver(observation, other);
    return observation.spec.placement?.order !== "Price" || !isMissed;
  }),
  law(
    ["create"],
    "what is chosen is remembered with its rate, as far as that is known",
    (o, _s, decision) => {
      return decision.memory.placement?.chosen?.rate === rateAt(o, chosenIn(decision));
    },
  ),
  law(
    ["RequeueAfter", "Terminal"],
    "a candidate that may be had, and is not known to cost too much, is not waited with",
    (observation) => {
      const isHad = [0, 1].some(
        (index) => isOpen(observation, index) && !isOver(observation, rateAt(observation, index)),
      );
      return observation.identity.state === "ours" || observation.deleting || !isHad;
    },
  ),
  law(
    { choices: ["Terminal"], when: (_o, { outcome }) => outcome.reason === "RateExceeded" },
    "that all costs too much is reported only where all of it is known to",
    (observation) => [0, 1].every((index) => isOver(observation, rateAt(observation, index))),
  ),
  law(["replace"], "a machine makes way only for what is not known to cost too much", (observation) => {
    return !isOver(observation, rateAt(observation, 1));
  }),
  law(
    ["replace", "start", "stop", "delete", "Done", "Terminal", "RequeueAfter"],
    "what a machine shows of its rate has nothing done to it",
    (observation, step) => isDeepStrictEqual(decideMachine(withoutRate(observation)).step, step),
  ),
];

itKeepsItsLaws<Situation, MachineObservation, MachineDecision>(
  { decide: decideMachine, laws: LAWS, plain: () => scene().observation },
  scene,
  [
    {
      what: "candidates of which some rates are known",
      axes: [ORDER, MAXIMUM, KNOWN, HINTED, TRIED, NOTHING, WISH, DELETING, HALTED],
      atLeast: 10_000,
      chooses: ["create", "Terminal", "RequeueAfter"],
    },
    {
      what: "a machine that shows its rate",
      axes: [ORDER, MAXIMUM, KNOWN, HINTED, MACHINE, SHOWN, WISH, DELETING],
      atLeast: 10_000,
      chooses: ["replace", "start", "Done"],
    },
  ],
);

it("the condition RateExceeded is there exactly where the machine shows more than the maximum, halted or not", () => {
  for (const usageRate of [null, 0, 3.99, 4, 5.95])
    for (const maxHourlyRate of [undefined, "4.00"])
      for (const halted of [false, true]) {
        const placement = { candidates: CANDIDATES, ...(maxHourlyRate && { maxHourlyRate }) };
        const { conditions = [] } = status({
          machine: { usageRate },
          spec: { placement },
          ...(halted && { observation: { halted: HALT }, outcome: HALTS }),
        });
        const shown = conditions.some(({ type }) => type === "RateExceeded");
        expect(shown).toBe(maxHourlyRate !== undefined && (usageRate ?? 0) > 4);
      }
});
