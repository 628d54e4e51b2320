/** The axes of a placement: what is chosen and was tried, what was sent of it, and what its instances wait for. */
import type { Instance, Run } from "../../../src/kinds/deployment/api.ts";
import { type PlacementMemory, placedSpec } from "../../../src/kinds/deployment/placement/candidates.ts";
import { rollbackTo } from "../../../src/kinds/deployment/rollback.ts";
import type { DeploymentSpec, Rollout } from "../../../src/kinds/deployment/types.ts";
import { type Axis, axis } from "./axes.ts";
import { ago, GOOD, MINUTE, NEW, NOW, run, SECOND, seen, sent, stored, targetOf } from "./situations.ts";

const [FIRST, SECOND_TYPE, THIRD] = ["C4", "A4000", "H100"] as const;
export const CANDIDATES = [FIRST, SECOND_TYPE, THIRD].map((machineType) => ({ machineType }));
const GIVE_UP_MS = 5 * MINUTE;
/** Since when the shown configuration is applied, and its instances are there. */
const APPLIED_MS = 10 * MINUTE;
const MADE_MS = 8 * MINUTE;

/** With a placement, on this candidate. */
export function placedAt(machineType: string, spec: DeploymentSpec = NEW): DeploymentSpec {
  return placedSpec({ ...spec, placement: { candidates: CANDIDATES, giveUpAfter: "5m" } }, { machineType });
}

const failed = (machineType: string, outcome: "NoHardware" | "Refused", ageMs: number) => ({
  candidate: { machineType },
  outcome,
  at: ago(ageMs),
});

const TRIED: readonly PlacementMemory["tried"][] = [
  undefined,
  [failed(SECOND_TYPE, "NoHardware", MINUTE), failed(THIRD, "Refused", MINUTE)],
  [failed(THIRD, "NoHardware", 60 * MINUTE), failed(FIRST, "NoHardware", MINUTE)],
];

export const PLACED: Axis = axis(
  [FIRST, SECOND_TYPE].flatMap((machineType) => TRIED.map((tried) => ({ machineType, tried }))),
  ({ observation, memory }, { machineType, tried }) => {
    const spec = placedAt(machineType);
    Object.assign(observation, { spec, desired: targetOf(spec) });
    memory.placement = { chosen: { machineType }, ...(tried && { tried }) };
  },
);

const OLD = sent(placedAt(FIRST, GOOD), { specId: "s1", outcome: "Healthy", ageMs: 48 * 60 * MINUTE });

/** What was sent on the candidate that is shown, or on the one that is chosen by now. */
export const SENT_PLACED: Axis = axis(
  [5 * SECOND, GIVE_UP_MS + MINUTE, 60 * MINUTE].flatMap((ageMs): (readonly Rollout[])[] => {
    const on = (of: string, more: Partial<Rollout> = {}) =>
      sent(placedAt(of), { ageMs, specId: "s2", replaces: "s1", ...more });
    return [
      [on(FIRST)],
      [on(FIRST), OLD],
      [on(FIRST, { startedAt: ago(ageMs + MINUTE) }), OLD],
      [on(FIRST, { outcome: "Healthy" }), OLD],
      [on(FIRST, { healthyReplicas: 1, healthyAt: ago(ageMs) }), OLD],
      [on(FIRST, { healthyAt: ago(ageMs) }), OLD],
      [on(SECOND_TYPE, { specId: "s3", replaces: "s2" }), OLD],
      [{ ...sent(placedAt(SECOND_TYPE), { ageMs, replaces: "s2" }) }, OLD],
    ];
  }),
  ({ memory }, history) => {
    memory.history = history;
  },
);

export const SHOWN_PLACED: Axis = axis(
  [
    ...(["pending", "applied", "applied, with an error", "healthy"] as const).map((how) =>
      stored("s2", placedAt(FIRST), how),
    ),
    stored("s3", placedAt(SECOND_TYPE), "applied"),
    stored("s3", placedAt(SECOND_TYPE), "healthy"),
    stored("s1", placedAt(FIRST, GOOD), "applied"),
    stored("s9", placedAt(THIRD), "applied"),
    stored("s9", { ...NEW, machineType: "P5000" }, "applied"),
  ].map((spec) => (spec.externalApplied ? { ...spec, externalApplied: ago(APPLIED_MS) } : spec)),
  ({ deployment }, latest) => {
    deployment.latestSpec = latest;
  },
);

/** Made since the shown configuration was applied, or before. */
function instances(
  states: readonly string[],
  counts: Partial<Pick<Run, "ready" | "available">> = {},
  ageMs = MADE_MS,
): Run {
  const made: Instance[] = states.map((state, index) => ({ id: `i${index}`, state, createdAt: ago(ageMs) }));
  return { ...run(0, states.length, made), ...counts, ...(made.length > 0 && { newestAt: NOW - ageMs }) };
}

export const WAITING_RUN = instances(["pending", "Pending"]);
export const HARDWARE: Axis = axis(
  [
    undefined,
    ...[0, MINUTE].map((ageMs) => seen([WAITING_RUN], ageMs)),
    ...[
      [],
      [instances(["pending", "starting"])],
      [instances(["pending", "errored"])],
      [instances(["waiting"])],
      [instances(["pending"], {}, 60 * MINUTE)],
      [instances(["pending"], {}, MINUTE)],
      [instances(["pending"], { ready: 1 })],
      [WAITING_RUN, instances(["running"], { ready: 1 }, 60 * MINUTE)],
      [WAITING_RUN, instances(["starting"], {}, 60 * MINUTE)],
      [WAITING_RUN, instances(["errored", "pending"], {}, 60 * MINUTE)],
    ].map((list) => seen(list)),
  ],
  ({ observation }, runs) => {
    observation.runs = runs;
  },
);

/** Whether it is gone back to what was healthy, or would be. */
export const PLACED_BACK: Axis = axis(
  [{ rollback: "None" }, { rollback: "OnFailure" }, { rollback: "OnFailure", isBack: true }] as const,
  ({ observation, memory }, { rollback, ...more }) => {
    const { desired } = observation;
    observation.spec = { ...observation.spec, rollback };
    memory.rolledBack =
      "isBack" in more && desired.state === "known"
        ? rollbackTo({ ...OLD, specId: "s1" }, desired, "it was rejected", NOW)
        : undefined;
  },
);
