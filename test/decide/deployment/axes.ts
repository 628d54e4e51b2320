/** The axes of what may be observed of one deployment, by what they are about. */

import type { Deployment, StoredSpec } from "../../../src/kinds/deployment/api.ts";
import {
  type DeploymentMemory,
  type DeploymentObservation,
  FACT,
} from "../../../src/kinds/deployment/observation.ts";
import type { DeploymentSpec, Rollout } from "../../../src/kinds/deployment/types.ts";
import type { Identity } from "../../../src/reconcile/identity.ts";
import type { Failed } from "../../../src/reconcile/outcome.ts";
import type { AccountFact, Resolution } from "../../../src/reconcile/ownership.ts";
import { both, type Axis as ProductAxis, productsOf } from "../engine/product.ts";
import { TOGETHER, UNRESTRICTED } from "../engine/restriction-laws.ts";
import {
  ATTEMPT,
  ago,
  DEADLINE_MS,
  FOREIGN,
  GOOD,
  ID,
  MINUTE,
  NAME,
  NEW,
  OURS,
  run,
  SECOND,
  type SpecProgress,
  secretName,
  seen,
  sent,
  situation,
  stored,
  TEAM,
  targetOf,
} from "./situations.ts";

/** `deployment` and `memory` are parts of the observation. */
export interface Situation {
  observation: DeploymentObservation;
  deployment: Deployment;
  memory: { -readonly [K in keyof DeploymentMemory]: DeploymentMemory[K] };
}

export function scene(): Situation {
  const observation = situation();
  const { resource } = observation;
  if (resource.state !== "present") throw new Error("it is there");
  return { observation, deployment: resource.deployment, memory: observation.memory };
}

export type Axis = ProductAxis<Situation>;
export const { axis } = productsOf(scene);

const IDENTITIES: readonly Identity[] = [
  { state: "none" },
  OURS,
  { ...OURS, restore: true },
  { ...OURS, contradicted: "adoptId names another" },
  { state: "adopt", id: ID },
  { state: "conflict", message: "a copy" },
];
const RESOLUTIONS: readonly (Resolution | undefined)[] = [
  undefined,
  { state: "open", message: "searching", lookAfterMs: 3_000 },
  { state: "found", ids: [ID] },
  { state: "found", ids: [ID, "d2"] },
  { state: "surelyNone" },
];
const ACCOUNTS: readonly AccountFact[] = [
  { state: "valid", team: TEAM },
  { state: "valid", team: "another-team" },
  { state: "pending" },
  { state: "invalid", message: "no key" },
  { state: "unreachable", message: "503" },
];
const TROUBLE = { kind: "Retry", reason: "ApiUnavailable", message: "503" } as const;
/** What more may speak against a write. */
const OBSTACLES: readonly Partial<DeploymentObservation>[] = [
  {},
  { finalizer: false },
  { halted: { reason: "Paused", message: "paused" } },
  ...TOGETHER,
  { deletionPolicy: "Orphan" },
  { ownedBy: "default/other" },
  { madeBy: "default/other" },
  { readError: TROUBLE },
  { blocked: { reason: "ProjectNotFound", message: "no such project", dueInMs: 60_000 } },
];

/** All that decideOwnership reads, and what else speaks against a write. */
export const OWNERSHIP: readonly Axis[] = [
  axis(IDENTITIES, ({ observation }, identity) => {
    observation.identity = identity;
  }),
  axis(RESOLUTIONS, ({ observation }, resolution) => {
    observation.attempt = resolution && ATTEMPT;
    observation.resolution = resolution;
  }),
  axis(ACCOUNTS, ({ observation }, account) => {
    observation.account = account;
  }),
  axis(OBSTACLES, ({ observation }, obstacle) => {
    const none = { ...UNRESTRICTED, finalizer: true, deletionPolicy: "Delete" } as const;
    const rest = { ownedBy: undefined, madeBy: undefined, readError: undefined, blocked: undefined };
    Object.assign(observation, none, rest, obstacle);
  }),
];
export const RESTRICTED = axis([{}, ...TOGETHER], ({ observation }, restrictions) => {
  Object.assign(observation, UNRESTRICTED, restrictions);
});
export const DELETING = axis([false, true], ({ observation }, deleting) => {
  observation.deleting = deleting;
});

/** What an object declares: the configuration, and whether a rollback is desired. */
export function declaring(...specs: readonly DeploymentSpec[]): Axis {
  const all = specs.flatMap((spec) =>
    (["None", "OnFailure"] as const).map((rollback) => ({ ...spec, rollback })),
  );
  const declared = all.map((spec) => ({ spec, desired: targetOf(spec) }));
  return axis(declared, ({ observation }, { spec, desired }) =>
    Object.assign(observation, { spec, desired }),
  );
}

const AGES = [5 * SECOND, MINUTE, DEADLINE_MS + MINUTE];
const WELL: Partial<Rollout> = { outcome: "Healthy", specId: "s1" };
const OUTCOMES = ["Progressing", "Healthy", "Disabled", "Failed", "TimedOut"] as const;

/** What an object may remember of `declared` and of what it sent before, at every age. */
export function remembering(declared: DeploymentSpec): Axis {
  const old = sent(GOOD, { ...WELL, ageMs: 48 * 60 * MINUTE });
  const failed = sent(declared, { specId: "s2", replaces: "s1", outcome: "Failed", ageMs: 60 * MINUTE });
  const histories = AGES.flatMap((ageMs): (readonly Rollout[])[] => [
    [sent(declared, { ageMs })],
    [sent(declared, { ageMs, replaces: "s1" }), old],
    [sent(declared, { ageMs, replaces: "s1", answeredAt: ago(ageMs) }), old],
    // What was declared before the last change: it may come back at any time.
    [sent(declared, { ageMs, replaces: "s1" }), old, sent(declared, { specId: "s0", outcome: "Healthy" })],
    [sent(GOOD, { ageMs, replaces: "s2", rollback: true }), failed, old],
    ...OUTCOMES.map((outcome) => [
      sent(declared, { ageMs, specId: "s2", replaces: "s1", outcome, filled: ["command"] }),
      old,
    ]),
    ...(["Progressing", "Healthy", "Failed"] as const).map((outcome) => [
      sent(GOOD, { ageMs, specId: "s3", replaces: "s2", outcome, rollback: true }),
      failed,
      old,
    ]),
  ]);
  return axis([[], [old], ...histories], ({ memory }, history) => {
    memory.history = history;
  });
}

/** What Paperspace shows: of an old id, of the newest, of one not seen before; whatever is in it, however far it is. */
export function showing(declared: DeploymentSpec): Axis {
  const { config } = targetOf(declared);
  const contents = [
    targetOf(GOOD).config,
    config,
    { ...config, command: ["serve"] },
    targetOf(FOREIGN).config,
    undefined,
  ];
  const progresses: readonly SpecProgress[] = ["pending", "rejected", "applied", "healthy"];
  const specs = ["s0", "s1", "s2", "s3"].flatMap((id) =>
    contents.flatMap((content) =>
      progresses.map((progress): StoredSpec => {
        const spec = stored(id, config, progress);
        return { ...spec, data: content ?? null };
      }),
    ),
  );
  return axis([null, ...specs], ({ deployment }, latest) => {
    deployment.latestSpec = latest;
  });
}

export const RUNS = axis(
  [undefined, ...[0, MINUTE].flatMap((ageMs) => [[], [run(0)], [run(1)]].map((list) => seen(list, ageMs)))],
  ({ observation }, runs) => {
    observation.runs = runs;
  },
);

export function goingBack(declared: DeploymentSpec): Axis {
  const { hash } = targetOf(declared);
  const back = { to: "s1", message: "it was rejected", at: ago(MINUTE) };
  const all = [undefined, { ...back, hash }, { ...back, hash: "of another" }];
  return axis(all, ({ memory }, rolledBack) => {
    memory.rolledBack = rolledBack;
  });
}

/** Note of a deployment that an upsert made in place of the one that was gone. */
export const STRAY = {
  intent: "DeleteStray",
  requestedAt: ago(MINUTE),
  deadline: ago(-MINUTE),
  target: "d7",
  mark: "hash",
};
const OPERATIONS: readonly DeploymentMemory["operation"][] = [
  undefined,
  { intent: "Observe", requestedAt: ago(MINUTE), deadline: ago(-MINUTE) },
  { intent: "Observe", requestedAt: ago(60 * MINUTE), deadline: ago(MINUTE) },
  { intent: "Delete", requestedAt: ago(MINUTE), deadline: ago(-MINUTE) },
  { intent: "Delete", requestedAt: ago(60 * MINUTE), deadline: ago(MINUTE) },
  { intent: "Create", requestedAt: ago(MINUTE), deadline: ago(-MINUTE) },
  STRAY,
];
export function underWay(most = OPERATIONS.length): Axis {
  return axis(OPERATIONS.slice(0, most), ({ memory }, operation) => {
    memory.operation = operation;
  });
}

export const TOKEN = secretName("hub", "token");
export const USING: DeploymentSpec = {
  ...NEW,
  env: [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "hub", key: "token" } } }],
};

export const NAMED = axis([NAME, "api"], ({ deployment }, name) => {
  deployment.name = name;
});
const SIBLINGS: readonly DeploymentObservation["siblings"][] = [
  undefined,
  { ids: [], ageMs: 0 },
  { ids: [], ageMs: 60 * MINUTE },
  { ids: [ID], ageMs: 0 },
  { ids: ["d9"], ageMs: 0 },
  { ids: ["d9"], ageMs: 60 * MINUTE },
];
export const SIBLING = axis(SIBLINGS, ({ observation }, siblings) => {
  observation.siblings = siblings;
});
const RIVALS: readonly DeploymentObservation["conflict"][] = [
  undefined,
  { owner: "default/other", owns: false },
  { owner: "default/other", owns: true },
];
export const RIVAL = axis(RIVALS, ({ observation }, conflict) => {
  observation.conflict = conflict;
});
/** Unknown, with the read due or not; or known. */
const PROJECT: readonly Pick<DeploymentObservation, "projectSecrets" | "secretsDue">[] = [
  {},
  { secretsDue: true },
  { projectSecrets: [] },
  { projectSecrets: [TOKEN] },
];
export const PROJECT_SECRETS = axis(PROJECT, ({ observation }, { projectSecrets, secretsDue }) => {
  Object.assign(observation, { projectSecrets, secretsDue });
});
export const OWN_SECRETS = axis([[], [TOKEN], ["k8s_old", TOKEN]], ({ memory }, secrets) => {
  memory.secrets = secrets;
});
export const SPECS = axis([undefined, [], [stored("s1", GOOD)]], ({ observation }, specs) => {
  observation.specs = specs;
});

const REFUSED: Failed = { kind: "Terminal", reason: "Refused", message: "refused", recheckMs: MINUTE };
const FAILED: Failed = { kind: "Retry", reason: "ApiUnavailable", message: "503", atLeastMs: 1_000 };
export const HELD = axis([undefined, REFUSED, FAILED], ({ observation }, failed) => {
  observation.backingOff = failed ? { "dropSecret/k8s_old": failed, [`dropSecret/${TOKEN}`]: failed } : {};
});
export const TROUBLED = axis(
  [{}, Object.fromEntries(Object.values(FACT).map((fact) => [fact, TROUBLE]))],
  ({ observation }, readErrors) => {
    observation.readErrors = readErrors;
  },
);

const ABSENCES: readonly DeploymentObservation["resource"][] = [
  { state: "unknown" },
  { state: "absent", certain: false },
  { state: "absent", certain: false, lookAfterMs: 6_000, doubt: { message: "no list", isBlocked: true } },
  { state: "absent", certain: true },
  { state: "absent", certain: true, isStale: true },
];
/** Not seen; or seen, with what is `shown` of it. Nothing is shown of what is not seen. */
export function seenOrNot(shown: Axis): Axis {
  const present: Axis = [
    ({ observation, deployment }) => {
      observation.resource = { state: "present", deployment };
    },
  ];
  const unseen = axis(ABSENCES, ({ observation }, resource) => {
    observation.resource = resource;
  });
  return [...unseen, ...both(present, shown)];
}

export const WANTED: Axis = [
  ({ observation }) => {
    observation.desired = targetOf(observation.spec);
  },
  ...axis(
    [
      { state: "unknown" },
      { state: "unknown", readError: TROUBLE },
      { state: "missing", reason: "SecretNotFound", message: "make it" },
    ] as const,
    ({ observation }, desired) => {
      observation.desired = desired;
    },
  ),
];
export const REQUESTED = axis([{}, { restart: "r1" }, { start: "s1" }], ({ observation }, requests) => {
  observation.requests = requests;
});
export const ON_EXTERNAL_DELETION = axis(
  ["Stall", "Recreate"] as const,
  ({ observation }, onExternalDeletion) => {
    observation.spec = { ...observation.spec, onExternalDeletion };
  },
);
