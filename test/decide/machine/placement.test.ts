/**
 * What must hold of a placement, whatever is observed: the laws are worded against observations and decisions alone, and do
 * not use the code that decides. All that a shell is judged by is combined with all that may speak against it.
 */

import type { MachineEvent } from "../../../src/kinds/machine/api.ts";
import { decideMachine } from "../../../src/kinds/machine/decide.ts";
import {
  AWAIT_CAPACITY,
  type Capacity,
  type MachineDecision,
  type MachineObservation,
  TO_REPLACE,
} from "../../../src/kinds/machine/observation.ts";
import { toTime } from "../../../src/kube/objects.ts";
import { startOperation } from "../../../src/reconcile/decision.ts";
import { type Law, lawsOf } from "../engine/law.ts";
import { RESTRICTIONS, UNRESTRICTED } from "../engine/restriction-laws.ts";
import { itKeepsItsLaws } from "../engine/walk.ts";
import { DELETING, HALTED, UNSEEN, WISH } from "./axes.ts";
import { isGone, machineOf, stateOf } from "./facts.ts";
import { axis, ID, IP, MINUTE, NOW, RECORD, type Situation, scene } from "./situations.ts";

const H100 = { machineType: "H100", region: "ny2" };
const A4000 = { machineType: "A4000", region: "ca1" };
const KEYS = { H100: '["ny2","H100"]', A4000: '["ca1","A4000"]' };

/** By the clock of Paperspace: the create ended ten minutes ago. */
const ENDED = toTime(NOW - 10 * MINUTE);
const event = (name: string, state: string): MachineEvent => ({
  id: `${name}-${state}`,
  name,
  state,
  machineId: ID,
  dtCreated: ENDED,
  dtFinished: ENDED,
});
const CREATED = event("create", "done");

const GIVE_UP = ["1h", "5m"] as const;
const PLACED = axis(GIVE_UP, ({ spec }, giveUpAfter) => {
  spec.machineType = "H100";
  spec.placement = {
    candidates: [
      { machineType: "H100", regions: ["ny2"] },
      { machineType: "A4000", regions: ["ca1"] },
    ],
    ...(giveUpAfter !== undefined && { giveUpAfter }),
  };
});

interface Remembered {
  name?: string;
  minutes?: number;
  removed?: boolean;
}
const ATTEMPTS: readonly (Remembered | undefined)[] = [
  undefined,
  {},
  { name: RECORD.name, minutes: 1 },
  { name: RECORD.name, minutes: 10 },
  { name: RECORD.name, minutes: 30 },
  { name: RECORD.name, minutes: 30, removed: true },
  { name: "another-create", minutes: 30 },
];
const REMEMBERED = axis(ATTEMPTS, ({ memory }, attempt) => {
  const { name, minutes = 0, removed } = attempt ?? {};
  const at = toTime(NOW - minutes * MINUTE);
  memory.placement = attempt && {
    chosen: H100,
    ...(name !== undefined && { attempt: { name, at, ...(removed && { removing: ID }) } }),
  };
});

const OPERATIONS = [
  undefined,
  { intent: "Create", target: "Running" },
  { intent: "Start", target: "Running" },
  { intent: "Start", target: "Running", requestedAt: toTime(NOW - 1_000) },
  { intent: AWAIT_CAPACITY },
  { intent: "Stop", target: "Stopped" },
  { intent: "Resize" },
  { intent: "Delete", target: TO_REPLACE },
] as const;
const OPERATION = axis(OPERATIONS, ({ memory }, operation) => {
  const begun = operation && startOperation(NOW - 30 * MINUTE, operation.intent, 60 * MINUTE);
  memory.operation = begun && { ...begun, ...operation };
});
const EVENT = axis(["none", "pending", "failed"] as const, ({ observation }, state) => {
  observation.event = state === "failed" ? { state, message: "failed" } : { state };
});

const HISTORIES: readonly (readonly MachineEvent[])[] = [
  [],
  [CREATED],
  [event("create", "in progress")],
  [event("start", "error"), CREATED],
  [event("start", "in progress"), CREATED],
  [event("start", "done"), CREATED],
  [event("vm-upgrade", "done"), CREATED],
  [event("bill-sessions", "done"), CREATED],
];
/** It was watched for long enough, and no event was read but these. */
const HISTORY = axis(HISTORIES, ({ observation, related }, history) => {
  observation.history = history;
  related.shell = { events: history, isSettled: true };
});
/** What was read of its events to know whether it was used: undefined where nothing was. */
const EVIDENCE = axis(
  [
    undefined,
    ...HISTORIES.flatMap((events) => [
      { events, isSettled: false },
      { events, isSettled: true },
    ]),
  ],
  ({ related }, evidence) => {
    if (evidence) related.shell = evidence;
    else delete related.shell;
  },
);
/** Minutes after the last event; null: not shown. */
const MODIFIED = axis([null, 0, 1, 5], ({ machine }, minutes) => {
  machine.dtModified = minutes === null ? null : toTime(NOW + (minutes - 10) * MINUTE);
});
const STATES = axis(["off", "starting", "ready", "serviceready", "provisioning"], (situation, state) => {
  situation.machine.state = state;
  situation.machine.machineType = "H100";
  situation.observation.resource = { state: "present", machine: situation.machine };
});
const WAS_ON = axis([undefined, "Running"] as const, ({ memory }, power) => {
  memory.power = power;
});
const OWNER = axis(["ours", "adopted"] as const, ({ observation }, owner) => {
  const record = owner === "ours" ? RECORD : { ...RECORD, name: "" };
  observation.identity = { state: "ours", record, restore: false };
});

const FREE: Capacity = { hint: "free" };
const SHORT: Capacity = { hint: "short", retryMs: 15_000 };
const HINTS: readonly Readonly<Record<string, Capacity>>[] = [
  {},
  { [KEYS.H100]: FREE, [KEYS.A4000]: FREE },
  { [KEYS.H100]: SHORT, [KEYS.A4000]: FREE },
  { [KEYS.H100]: FREE, [KEYS.A4000]: SHORT },
  { [KEYS.H100]: SHORT, [KEYS.A4000]: SHORT },
  { [KEYS.H100]: SHORT },
  { [KEYS.H100]: { hint: "unknown" }, [KEYS.A4000]: { hint: "unknown" } },
];
const HINTED = axis(HINTS, ({ related }, places) => {
  related.places = places;
});
const TRIED = axis(["nothing", "H100", "A4000", "long ago"] as const, ({ memory }, which) => {
  const at = toTime(NOW - (which === "long ago" ? 60 : 1) * MINUTE);
  const candidate = which === "A4000" ? A4000 : H100;
  if (which === "nothing") return;
  memory.placement = { ...memory.placement, tried: [{ candidate, outcome: "NoHardware", at }] };
});

/** Halted, and only observed as well. */
const OBSERVED = axis(
  [{}, { halted: { reason: "DryRun", message: "dry run" } }, ...RESTRICTIONS.slice(0, 1)],
  ({ observation }, restrictions) => {
    Object.assign(observation, UNRESTRICTED, restrictions);
  },
);
const PROTECTED = axis([undefined, "spec.deletionProtection"], ({ observation }, protection) => {
  observation.protection = protection;
});

const attemptOf = ({ memory, identity }: MachineObservation) => {
  const name = identity.state === "ours" ? identity.record.name : "";
  const attempt = memory.placement?.attempt;
  return attempt?.name === name && name !== "" ? attempt : undefined;
};
const ageMinutes = (at: string) => (NOW - Date.parse(at)) / MINUTE;
/** The last event of each that did anything to the machine. */
const acts = ({ history }: MachineObservation) => history.filter(({ name }) => !name.startsWith("bill"));
const wasTried = ({ memory }: MachineObservation, { machineType }: typeof H100, minutes: number) =>
  (memory.placement?.tried ?? []).some(
    ({ candidate, at }) => candidate.machineType === machineType && ageMinutes(at) < minutes,
  );
const hintOf = ({ related }: MachineObservation, key: string) => related.places?.[key]?.hint;
const chosenBy = ({ memory }: MachineDecision) => memory.placement?.chosen;

const law = lawsOf<MachineObservation, MachineDecision>();
const LAWS: readonly Law<MachineObservation, MachineDecision>[] = [
  law(["replace"], "only what this very ladder created is deleted", (observation) => {
    return attemptOf(observation) !== undefined;
  }),
  law(["replace"], "what is on, or on its way, is not deleted", (observation) => {
    return stateOf(observation) === "off";
  }),
  law(["replace"], "what was ever on is not deleted, by memory or by its events", (observation) => {
    const started = acts(observation).some(({ name, state }) => name === "start" && state === "done");
    return observation.memory.power === undefined && !started;
  }),
  law(["replace"], "what anybody did anything to is not deleted", (observation) => {
    return acts(observation).every(({ name }) => name === "create" || name === "start");
  }),
  law(["replace"], "what is not known to be untouched is not deleted", (observation) => {
    const modified = machineOf(observation)?.dtModified;
    const isKnown = acts(observation).some(({ name, state }) => name === "create" && state === "done");
    return isKnown && !!modified && Date.parse(modified) <= Date.parse(ENDED) + 2 * MINUTE;
  }),
  law(
    ["replace"],
    "what may have been used while no operator looked is not deleted: missing evidence never deletes",
    ({ related: { shell } }) => {
      const done = shell?.events.filter(({ state }) => state === "done") ?? [];
      const others = done.filter(({ name }) => name !== "create" && !name.startsWith("bill"));
      return shell?.isSettled === true && others.length === 0 && done.some(({ name }) => name === "create");
    },
  ),
  law(["replace"], "nothing is deleted while a start of it is in flight, or may be", (observation) => {
    const { event, limits, memory, now } = observation;
    const { intent, requestedAt = "" } = memory.operation ?? {};
    const isYoung = now - Date.parse(requestedAt) < limits.resendMs;
    const mayStart = intent === "Start" && (event.state === "pending" || (event.state === "none" && isYoung));
    return !mayStart && acts(observation).every(({ state }) => state !== "in progress");
  }),
  law(["replace"], "what is protected is not deleted, though it may be empty", ({ protection }) => {
    return protection === undefined;
  }),
  law(["replace"], "what is to be off is not deleted", ({ spec }) => spec.powerState === "Running"),
  law(["replace"], "nothing is deleted before its time, nor while its object is halted", (observation) => {
    const { at = "" } = attemptOf(observation) ?? {};
    const minutes = observation.spec.placement?.giveUpAfter === "5m" ? 5 : 15;
    return ageMinutes(at) >= minutes && !observation.halted && !observation.deleting;
  }),
  law(["replace"], "nothing is deleted unless another candidate is worth a try", (observation) => {
    const hint = hintOf(observation, KEYS.A4000);
    return hint !== undefined && hint !== "short" && !wasTried(observation, A4000, 10);
  }),
  law(
    ["disown"],
    "what is replaced is gone for certain, and its delete was the operator's",
    (observation) => {
      return isGone(observation) && observation.memory.placement?.attempt?.removing === ID;
    },
  ),
  law(
    ["disown"],
    "what came to nothing is remembered with the machine that was removed, once",
    (_o, _s, decision) => {
      const removed = decision.memory.placement?.tried?.filter((one) => one.removed === ID) ?? [];
      return removed.length === 1 && chosenBy(decision) === undefined;
    },
  ),
  law(
    ["Halted"],
    "what is only observed is reported as it is, also where it was being deleted to make way",
    ({ observes }) => !observes,
  ),
  law(
    ["create"],
    "a candidate is created, and only one that did not just come to nothing",
    (observation, _s, decision) => {
      const chosen = chosenBy(decision);
      return chosen !== undefined && !wasTried(observation, chosen as typeof H100, 10);
    },
  ),
  law(
    ["create"],
    "what is to be on is not created where its hardware is short or was not asked for",
    (observation, _s, decision) => {
      const key = chosenBy(decision)?.machineType === "H100" ? KEYS.H100 : KEYS.A4000;
      const hint = hintOf(observation, key);
      return observation.spec.powerState === "Stopped" || (hint !== undefined && hint !== "short");
    },
  ),
  law(
    ["create"],
    "a later candidate is created only where the one before it is not to be had",
    (observation, _s, decision) => {
      if (chosenBy(decision)?.machineType === "H100") return true;
      return hintOf(observation, KEYS.H100) === "short" || wasTried(observation, H100, 10);
    },
  ),
  law(
    ["replace", "start", "create", "releaseAddress", "RequeueAfter", "Terminal", "Done"],
    "what was seen on counts as that from then on",
    (observation, _s, decision) => {
      const isOn = ["ready", "serviceready"].includes(stateOf(observation) ?? "");
      return !isOn || !!observation.halted || observation.deleting || !decision.memory.placement?.attempt;
    },
  ),
  law(
    ["releaseAddress"],
    "the address of what is replaced goes with it, all others as the policy says",
    (observation) => {
      return (
        observation.spec.publicIpReleasePolicy === "Release" ||
        observation.memory.placement?.attempt?.removing === ID
      );
    },
  ),
];

/** Whether its address is still there. */
const ADDRESS = axis([undefined, IP], ({ memory, related }, ip) => {
  memory.staticIp = ip;
  related.addresses = ip === undefined ? [] : [{ ip, machineId: null }];
});
const NOTHING = axis([0], ({ observation }) => {
  observation.identity = { state: "none" };
  observation.resource = { state: "unknown" };
});

itKeepsItsLaws<Situation, MachineObservation, MachineDecision>(
  { decide: decideMachine, laws: LAWS, plain: () => scene().observation },
  scene,
  [
    {
      what: "a machine that waits for its hardware",
      axes: [PLACED, REMEMBERED, OPERATION, EVENT, HISTORY, MODIFIED, STATES, WAS_ON, OWNER, HINTED],
      atLeast: 700_000,
      chooses: ["replace", "start"],
    },
    {
      what: "a machine that nobody may have looked at for a while",
      axes: [
        PLACED,
        REMEMBERED,
        OPERATION,
        HISTORY,
        EVIDENCE,
        MODIFIED.slice(1, 2),
        STATES,
        HINTED.slice(1, 3),
      ],
      atLeast: 100_000,
      chooses: ["replace", "start"],
    },
    {
      what: "what other candidates there are, and what the user wants meanwhile",
      axes: [
        PLACED,
        REMEMBERED,
        TRIED,
        OPERATION,
        HISTORY.slice(1, 2),
        MODIFIED.slice(1, 2),
        STATES,
        HINTED,
        WISH,
        DELETING,
        HALTED,
        PROTECTED,
      ],
      atLeast: 100_000,
      chooses: ["replace", "delete"],
    },
    {
      what: "one that is not seen",
      axes: [PLACED, REMEMBERED, OPERATION, EVENT, UNSEEN, ADDRESS, WISH, DELETING, OBSERVED, OWNER],
      atLeast: 10_000,
      chooses: ["disown", "releaseAddress", "Terminal"],
    },
    {
      what: "no machine yet",
      axes: [PLACED, REMEMBERED, TRIED, NOTHING, HINTED, WISH, DELETING, HALTED],
      atLeast: 1_000,
      chooses: ["create", "RequeueAfter"],
    },
  ],
);
