/**
 * `decide` against its laws, in every combination of what can be observed. The full product is out of reach, so it is
 * factored along the seams of the code, and loses nothing by that:
 * - decideOwnership reads OwnershipFacts alone, as its parameter's type says, and where it gives a step, nothing else
 *   is read. So all of these are combined with each other, and with the power facts; and once more with a temptation
 *   to each kind of write, since a power fact tempts only to some.
 * - Beyond it, of the ownership facts only these are still read: deleting, halted, held, requests, and the id owned.
 *   They are axes of their own below, with an object that is owned and an account that is right.
 * - What an operation in flight comes to is judged by operation, event, state and time alone (`settle`,
 *   `machineDeletion`), and hands on to the round only a memory. So all of these are combined, with every way in which
 *   the round can end.
 * - The round runs its stages one after the other: settings, script, accessors, hardware, requests, power, cleanup.
 *   Each reads facts of its own and those of power; it hands on nothing but its step, needs, user errors, and the
 *   memory.
 *   So the facts of neighbours are combined in full, with one representative of each result that the others hand on.
 */
import { describe, expect, it } from "vitest";
import type { Machine } from "../../../src/kinds/machine/api.ts";
import { decideMachine } from "../../../src/kinds/machine/decide.ts";
import {
  AWAIT_CAPACITY,
  type Capacity,
  type MachineMemory,
  type MachineObservation,
  type Related,
  SNAPSHOT,
  TO_DELETE,
  TO_RESIZE,
} from "../../../src/kinds/machine/observation.ts";
import type { MachineSpec } from "../../../src/kinds/machine/types.ts";
import { toTime } from "../../../src/kube/objects.ts";
import { EXTERNAL_CHANGE } from "../../../src/reconcile/decision.ts";
import type { Requests } from "../../../src/reconcile/record.ts";
import { LawChecker } from "../engine/law-checker.ts";
import type { Product } from "../engine/product.ts";
import { itKeepsItsLaws } from "../engine/walk.ts";
import {
  ADDRESS,
  ASKED,
  AUTO_SHUTDOWN,
  addressed,
  CAPACITY,
  CHANCES,
  DELETING,
  DESKTOP,
  type Difference,
  EVERY_REFUSAL,
  EVERY_STATE,
  HALTED,
  HELD_SETTINGS,
  HOLDS,
  hardware,
  inFlightAxis,
  ON_EXTERNAL_DELETION,
  OWNERSHIP,
  PEOPLE,
  POWER,
  policy,
  QUOTA,
  REQUESTED,
  RESTRICTED,
  refused,
  SCRIPTS,
  SELF_SHUT_DOWN,
  SETTINGS,
  SEVERAL_SETTINGS,
  STANDING,
  states,
  UNSEEN,
  WISH,
} from "./axes.ts";
import { type MachineLaw, STEP_LAWS, WRITES } from "./laws.ts";
import { REST_LAWS } from "./rest-laws.ts";
import {
  ADA,
  AGES,
  type Axis,
  axis,
  EVENTS,
  every,
  IP,
  inFlight,
  NOW,
  type Situation,
  scene,
} from "./situations.ts";
import { FOUND_SNAPSHOT, SNAPSHOT_LAWS, SNAPSHOTS } from "./snapshot-laws.ts";

interface Facts {
  spec?: Partial<MachineSpec>;
  machine?: Partial<Machine>;
  memory?: MachineMemory;
  related?: Partial<Related>;
  requests?: Requests;
  resource?: MachineObservation["resource"];
  lifetime?: MachineObservation["lifetime"];
}

const CLAIMED: Facts = {
  spec: { publicIpReleasePolicy: "Release" },
  memory: { staticIp: IP },
  related: { addresses: [{ ip: IP, machineId: null }] },
};
const GONE: MachineObservation["resource"] = { state: "absent", certain: true };
const REFUSED_DELETE = {
  intent: "Delete",
  requestedAt: toTime(NOW),
  deadline: toTime(NOW),
  target: TO_DELETE,
};

/** Each has another kind of write done, where nothing speaks against it. */
const TEMPTATIONS: readonly Facts[] = [
  // To a create, a delete, or none at all.
  {},
  { spec: { name: "another" } },
  { machine: { state: "off" } },
  { machine: { state: "off" }, spec: { diskSize: 100 } },
  { machine: { state: "off" }, spec: { diskSize: 100, snapshotBeforeResize: true } },
  { spec: { powerState: "Stopped" } },
  { spec: { diskSize: 100, resizePolicy: "StopAndResize" } },
  { memory: { operation: REFUSED_DELETE } },
  { requests: { restart: "r1" } },
  { requests: { start: "s1" } },
  { spec: { startupScriptId: "s1" }, related: { scripts: [] } },
  { spec: { startupScriptId: "s1" }, related: { scripts: ["s2"] } },
  { spec: { accessors: { userIds: [ADA.id] } }, related: { accessors: [] } },
  { spec: { accessors: {} }, related: { accessors: [ADA] } },
  { spec: { desktopSecretRef: { name: "mine" } }, related: { desktop: "stale" } },
  { memory: { desktopSecret: "mine" } },
  CLAIMED,
  { ...CLAIMED, resource: GONE },
  { resource: GONE, spec: { onExternalDeletion: "Recreate" } },
  { lifetime: { memory: { declared: "" }, isDue: true } },
];
const TEMPTED = axis(
  TEMPTATIONS,
  ({ observation }, { spec, machine, memory, related, requests, resource, lifetime }) => {
    const plain = scene();
    const present = { state: "present", machine: { ...plain.machine, ...machine } } as const;
    Object.assign(observation, {
      spec: { ...plain.spec, ...spec },
      memory: { ...memory },
      related: { ...plain.related, ...related },
      requests: { ...requests },
      resource: resource ?? present,
      lifetime,
    });
  },
);

/** What a round finds beside the hardware: nothing, what is only waited for, and a machine that was stopped to be resized. */
const WAITING = inFlight([AGES[0], AGES[3]]).filter(
  ({ operation, event }) =>
    !operation ||
    [AWAIT_CAPACITY, EXTERNAL_CHANGE].includes(operation.intent) ||
    (operation.target === TO_RESIZE && event.state === "done"),
);

const SNAPSHOTTING = inFlight().filter(({ operation }) => !operation || operation.intent === SNAPSHOT);

type Chance = "free" | "short" | "bad standing" | "not read";
/** Hardware and what can be had of it, in pairs that matter. */
function resizing(difference: Difference, ...chances: readonly Chance[]): Axis {
  const policy = difference === "type" ? "StopAndResize" : "WhenStopped";
  return axis(chances, (scene, chance) => {
    const hint: Capacity = chance === "short" ? { hint: chance, retryMs: 15_000 } : { hint: "free" };
    for (const put of hardware([difference])) put(scene);
    scene.spec.resizePolicy = policy;
    scene.related.standing =
      chance === "not read" ? undefined : { good: chance !== "bad standing", messages: [] };
    scene.related.capacity = chance === "not read" ? {} : { A4000: hint, H100: hint };
  });
}

const LAWS: readonly MachineLaw[] = [...STEP_LAWS, ...SNAPSHOT_LAWS, ...REST_LAWS];
const CHECKED = { decide: decideMachine, laws: LAWS, plain: () => scene().observation };

const PRODUCTS: readonly Product<Situation>[] = [
  {
    what: "who owns what, and how far an operation is",
    axes: [
      ...OWNERSHIP,
      DELETING,
      inFlightAxis(inFlight([AGES[0], AGES[3]], EVENTS.slice(0, 3))),
      [...UNSEEN, ...EVERY_STATE],
      WISH,
      POWER,
    ],
    atLeast: 7_000_000,
  },
  {
    what: "operation, event, state, desired power and requests",
    axes: [
      inFlightAxis(),
      EVERY_STATE,
      WISH,
      POWER,
      AUTO_SHUTDOWN,
      REQUESTED,
      [
        ...resizing("none", "free", "short", "bad standing", "not read"),
        ...resizing("type", "free", "short", "bad standing", "not read"),
        ...resizing("disk", "free"),
        ...resizing("disk too large", "free"),
      ],
    ],
    atLeast: 1_500_000,
  },
  {
    what: "hardware, what was refused, and what can be had",
    axes: [
      hardware(),
      policy("WhenStopped", "StopAndResize"),
      EVERY_REFUSAL,
      ASKED,
      CHANCES,
      states("ready", "serviceready", "off", "upgrading"),
      WISH,
      SELF_SHUT_DOWN,
      REQUESTED.slice(0, 3),
      inFlightAxis(WAITING),
    ],
    atLeast: 900_000,
  },
  {
    what: "the snapshot before a resize",
    axes: [
      SNAPSHOTS,
      ...FOUND_SNAPSHOT,
      [...resizing("none", "free"), ...resizing("type", "free", "short"), ...resizing("disk", "free")],
      refused("no", "fresh", "of its snapshot", "of its snapshot, long ago", "unconfirmed"),
      states("ready", "off", "upgrading"),
      WISH,
      inFlightAxis(SNAPSHOTTING),
    ],
    atLeast: 300_000,
  },
  {
    what: "settings, scripts and accessors, and how they are refused",
    axes: [
      SETTINGS,
      SCRIPTS,
      PEOPLE,
      HOLDS,
      states("ready", "serviceready", "off", "starting"),
      WISH,
      SELF_SHUT_DOWN,
      hardware(["none", "disk"]),
      STANDING.slice(1),
      REQUESTED.slice(0, 3),
    ],
    atLeast: 600_000,
  },
  {
    what: "several settings, and which of them are refused",
    axes: [
      SEVERAL_SETTINGS,
      HELD_SETTINGS,
      states("ready", "serviceready", "off", "starting"),
      WISH,
      SELF_SHUT_DOWN,
      hardware(["none", "disk"]),
    ],
    atLeast: 10_000,
  },
  {
    what: "desktop, addresses, and what is left of a machine that is gone",
    axes: [
      ...DESKTOP,
      ...ADDRESS,
      ON_EXTERNAL_DELETION,
      [...UNSEEN, ...addressed(states("ready", "serviceready", "off", "starting"))],
      DELETING,
      HALTED,
      HOLDS.slice(0, 3),
      WISH,
      hardware(["none", "disk too large"]),
    ],
    atLeast: 2_000_000,
  },
  {
    what: "what a create needs",
    axes: [
      OWNERSHIP[0]?.slice(0, 1) ?? [],
      STANDING,
      QUOTA,
      CAPACITY,
      hardware(),
      WISH,
      HALTED,
      ON_EXTERNAL_DELETION,
      inFlightAxis(WAITING),
      DELETING,
    ],
    atLeast: 50_000,
  },
  {
    what: "a deletion under way",
    axes: [DELETING.slice(1), inFlightAxis(), [...UNSEEN, ...EVERY_STATE], WISH, POWER, HALTED, REQUESTED],
    atLeast: 200_000,
  },
  {
    what: "what is only observed, or protected",
    axes: [
      RESTRICTED,
      DELETING,
      inFlightAxis(inFlight([AGES[0], AGES[3]])),
      [...UNSEEN, ...EVERY_STATE],
      WISH,
      SELF_SHUT_DOWN,
      REQUESTED,
      ON_EXTERNAL_DELETION,
    ],
    atLeast: 200_000,
  },
  {
    what: "who owns what, whatever it is tempted to write",
    axes: [...OWNERSHIP, DELETING, TEMPTED],
    atLeast: 20_000,
    chooses: WRITES,
  },
];

/** Nothing but power: what is declared beside it is not managed. */
function onlyPower({ spec }: Situation): void {
  Object.assign(spec, { name: undefined, startupScriptId: undefined, accessors: undefined });
}

const BESIDE_POWER = [
  SETTINGS,
  SCRIPTS,
  PEOPLE,
  states("ready", "serviceready", "off"),
  WISH,
  SELF_SHUT_DOWN,
];
const [, REFUSED, FAILED] = HOLDS;
/** Situations in which some fact may be missing. */
const NEEDY = [
  [SCRIPTS, PEOPLE, ...DESKTOP, states("ready", "off"), WISH],
  [...ADDRESS, [...UNSEEN.slice(1), ...addressed(states("ready"))], DELETING],
  [CAPACITY, STANDING, QUOTA, OWNERSHIP[0]?.slice(0, 2) ?? [], states("off"), WISH],
];

describe("decide", () => {
  itKeepsItsLaws(CHECKED, scene, PRODUCTS);

  it.each([
    ["refused for good", REFUSED],
    ["failed in a way that may pass", FAILED],
  ])(
    "puts power right, although all else has %s",
    (_how, hold) => {
      const checker = new LawChecker(CHECKED);
      const axes = [...BESIDE_POWER, hardware(["none", "disk"]), REQUESTED.slice(0, 3)];
      const observations = every(axes, (situation) => {
        const { name, startupScriptId, accessors } = situation.spec;
        hold?.(situation);
        const { step } = decideMachine(situation.observation);
        onlyPower(situation);
        const alone = decideMachine(situation.observation).step;
        Object.assign(situation.spec, { name, startupScriptId, accessors });
        if (step.do !== alone.do) checker.report(`${step.do} instead of ${alone.do}`, situation.observation);
      });
      expect(checker.broken).toEqual({});
      expect(observations).toBeGreaterThan(50_000);
    },
    120_000,
  );

  it("reports why a fact cannot be read, and goes on fetching it", () => {
    const checker = new LawChecker(CHECKED);
    const readError = { kind: "Retry", reason: "ApiUnavailable", message: "503" } as const;
    let failed = 0;
    for (const axes of NEEDY)
      every(axes, ({ observation, related }) => {
        related.readErrors = {};
        const { step, needs = [] } = decideMachine(observation);
        if (step.do !== "none" || step.outcome.kind !== "Unknown") return;
        failed++;
        related.readErrors = Object.fromEntries(needs.map((fact) => [fact, readError]));
        const after = decideMachine(observation);
        const isReported = after.step.do === "none" && after.step.outcome.kind === "Retry";
        if (!isReported || after.needs?.join() !== needs.join())
          checker.report("a read error that is not reported", observation, after);
      });
    expect(checker.broken).toEqual({});
    expect(failed).toBeGreaterThan(1_000);
  }, 120_000);

  it("changes nothing that it is given, since observations share cached facts", () => {
    const { observation } = scene();
    for (const put of TEMPTED) {
      put({ ...scene(), observation });
      expect(() => decideMachine(deepFrozen(structuredClone(observation)))).not.toThrow();
    }
  });
});

function deepFrozen<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  Object.values(value).forEach(deepFrozen);
  return Object.freeze(value);
}
