/** The axes of numbers of instances: what is declared, was sent and is shown of one template, with whatever number. */
import { rollbackTo } from "../../../src/kinds/deployment/rollback.ts";
import type { DeploymentSpec, Rollout } from "../../../src/kinds/deployment/types.ts";
import { type Axis, axis } from "./axes.ts";
import {
  ago,
  DEADLINE_MS,
  FOREIGN,
  GOOD,
  MINUTE,
  NEW,
  NOW,
  OFF,
  run,
  seen,
  sent,
  stored,
  targetOf,
} from "./situations.ts";

const AUTOSCALED = { enabled: true, maxReplicas: 5, metrics: [{ metric: "cpu" as const, value: 50 }] };
const well = (of: DeploymentSpec, specId: string) =>
  sent(of, { specId, outcome: "Healthy", finishedAt: ago(DEADLINE_MS) });

/** The same template with other numbers of instances, and with none. */
export const NUMBERS: readonly DeploymentSpec[] = [
  { ...NEW, replicas: 3 },
  { ...NEW, replicas: 1, autoscaling: AUTOSCALED },
  { ...NEW, replicas: 0 },
];

/** What was sent of one template and its numbers, now and by an earlier version of the operator. */
export const SCALED = axis(
  [
    (of: DeploymentSpec) => [
      sent(of, { specId: "s2", replaces: "s1", ageMs: DEADLINE_MS + MINUTE }),
      well(GOOD, "s1"),
    ],
    (of: DeploymentSpec) => [
      sent(of, { specId: "s2", replaces: "s1", startedAt: ago(DEADLINE_MS) }),
      well(GOOD, "s1"),
    ],
    (of: DeploymentSpec) => [
      sent(of, {
        specId: "s2",
        replaces: "s1",
        healthyAt: ago(DEADLINE_MS),
        ageMs: DEADLINE_MS + MINUTE,
        scaled: true,
      }),
      well(NEW, "s1"),
      well(GOOD, "s0"),
    ],
    (of: DeploymentSpec) => [
      sent(of, { replaces: "s2", healthyAt: ago(DEADLINE_MS), scaled: true }),
      well(NEW, "s2"),
      well(GOOD, "s1"),
    ],
    () => [well(NEW, "s2"), well(GOOD, "s1")],
    (of: DeploymentSpec) => [well(of, "s2"), well(GOOD, "s1")],
    () => [asBefore(well(NEW, "s2")), asBefore(well(GOOD, "s1"))],
    (of: DeploymentSpec) => [
      sent(
        { ...GOOD, replicas: of.replicas },
        { specId: "s2", replaces: "s1", rollback: true, outcome: "Healthy" },
      ),
      sent(of, { specId: "s1", replaces: "s0", outcome: "TimedOut" }),
      well(GOOD, "s0"),
    ],
  ] as readonly ((of: DeploymentSpec) => readonly Rollout[])[],
  ({ observation, memory }, history) => {
    memory.history = history(observation.spec);
  },
);

/** Without what an earlier version of the operator did not note. */
function asBefore({ template: _template, replicas: _replicas, ...entry }: Rollout): Rollout {
  return entry;
}

export const SCALED_SPECS = axis(
  [
    GOOD,
    { ...GOOD, replicas: 3 },
    NEW,
    { ...NEW, replicas: 3 },
    { ...NEW, replicas: 3, autoscaling: AUTOSCALED },
    OFF,
  ].flatMap((of) =>
    (["rejected", "applied", "healthy"] as const).flatMap((how) =>
      ["s2", "s3"].map((id) => stored(id, of, how)),
    ),
  ),
  ({ deployment }, latest) => {
    deployment.latestSpec = latest;
  },
);

const FAILED_RUN = run(1, 1, [{ id: "i1", state: "failed" }]);
/** Not read for long as well. */
export const COUNTS: Axis = [
  ...axis([[], [run(0, 3)], [run(1, 4)], [run(0, 0), run(3, 0)], [FAILED_RUN]], ({ observation }, list) => {
    observation.runs = seen(list);
    observation.isUnobserved = false;
  }),
  ({ observation }) => {
    observation.runs = seen([run(3, 3)], 60 * MINUTE);
    observation.isUnobserved = true;
  },
];

/** It failed, with whatever number, and which one runs instead. */
export const ROLLED_BACK = axis([undefined, GOOD, FOREIGN], ({ memory, observation }, good) => {
  const entry = good && { ...well(good, "s0"), specId: "s0" };
  memory.rolledBack =
    entry && rollbackTo(entry, targetOf({ ...observation.spec, replicas: 2 }), "it was rejected", NOW);
});
