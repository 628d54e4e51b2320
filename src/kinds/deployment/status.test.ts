import { Value } from "typebox/value";
import { describe, expect, it } from "vitest";
import {
  ago,
  FOREIGN,
  GOOD,
  MINUTE,
  NEW,
  NOW,
  OFF,
  type Particulars,
  run,
  seen,
  sent,
  situation,
  stored,
  TEAM,
  targetOf,
  UID,
} from "../../../test/decide/deployment/situations.ts";
import {
  condition,
  DONE,
  HALT,
  HALTS,
  instance,
  STALLED,
  status,
  WAITS,
} from "../../../test/decide/deployment/status.ts";
import { isReported, type ReportedOutcome } from "../../reconcile/outcome.ts";
import { decideDeployment } from "./decide.ts";
import { REASON } from "./reasons.ts";
import { deploymentEventNotes } from "./status.ts";
import { deploymentStatusSchema } from "./status-schema.ts";
import type { DeploymentStatus, Rollout } from "./types.ts";

const UNSEEN = { resource: { state: "unknown" } } as const;
const GONE = { resource: { state: "absent", certain: true } } as const;
const API_TIME = "2026-06-01T00:00:00.000Z";

/** What can be observed of a deployment, one of each sort. */
const SITUATIONS: Record<string, Particulars> = {
  "all is healthy": {},
  "switched off": {
    spec: OFF,
    latest: stored("s1", OFF),
    runs: seen([]),
    history: [sent(OFF, { specId: "s1" })],
  },
  "under way": {
    latest: stored("s1", GOOD, "applied"),
    history: [sent(GOOD, { specId: "s1", ageMs: MINUTE })],
  },
  rejected: {
    latest: stored("s1", GOOD, "rejected"),
    history: [sent(GOOD, { specId: "s1", ageMs: MINUTE })],
  },
  late: {
    latest: stored("s1", GOOD, "applied"),
    history: [sent(GOOD, { specId: "s1", ageMs: 60 * MINUTE })],
  },
  degraded: { runs: seen([run(1, 3, [instance("i1", "failed", "no")])]) },
  unseen: UNSEEN,
  gone: GONE,
  "not listed": { resource: { state: "absent", certain: false } },
  "no runs known": { runs: undefined as never },
  "a Secret is missing": {
    desired: { state: "missing", reason: REASON.SecretNotFound, message: "no Secret" },
  },
  "a dry run": { spec: NEW, latest: stored("s1", GOOD), halted: HALT },
  unreadable: { latest: { ...stored("s1", GOOD), data: 5 } },
  "nothing stored": { latest: null },
  "the name is taken": { identity: { state: "none" }, siblings: { ids: ["d9"], ageMs: 0 } },
};

describe("deploymentStatus", () => {
  it.each(Object.entries(SITUATIONS))(
    "is equal for equal knowledge where %s, whenever it is written: an idle deployment costs no write",
    (_, given) => {
      const observation = situation(given);
      const { step, memory } = decideDeployment(observation);
      const outcome = step.do === "none" && isReported(step.outcome) ? step.outcome : WAITS;
      const owns = observation.identity.state === "ours";
      const first = status({ ...given, outcome, after: memory, owns });
      const again = status({ ...given, outcome, after: memory, owns, before: first, now: NOW + MINUTE });
      const third = status({ ...given, outcome, after: memory, owns, before: again, now: NOW + 2 * MINUTE });
      expect(again).toEqual(first);
      expect(third).toEqual(first);
      expect(Value.Errors(deploymentStatusSchema, first)).toEqual([]);
    },
  );

  it("shows the deployment as it is, and whose it is", () => {
    const latest = { ...stored("s1", GOOD), externalApplied: API_TIME, dtHealthy: API_TIME, error: "" };
    const deployment = { endpoint: "d1.example.org", dtCreated: API_TIME };
    const runs = seen([{ ...run(1, 2, [instance("i1")]), available: 1 }]);
    expect(status({ latest, deployment, runs })).toMatchObject({
      observedGeneration: 2,
      id: "d1",
      teamId: TEAM,
      uid: UID,
      name: "web",
      endpoint: "d1.example.org",
      url: "https://d1.example.org",
      createdAt: API_TIME,
      spec: { id: "s1", hash: targetOf(GOOD).hash, appliedAt: API_TIME, healthyAt: API_TIME },
      replicas: 2,
      readyReplicas: 1,
      availableReplicas: 1,
      instances: [{ id: "i1", state: "running", createdAt: API_TIME }],
    });
  });

  it("has from the beginning what the scale subresource needs, or an autoscaler would call the object broken", () => {
    const fresh = status({ identity: { state: "none" }, owns: false, outcome: WAITS });
    expect(fresh).toMatchObject({ replicas: 0, selector: `paperspace.com/deployment-uid=${UID}` });
    expect(status({ before: fresh }).selector).toBe(fresh.selector);
  });

  it("leaves out what Paperspace does not report, rather than show nothing as a fact", () => {
    const latest = stored("s1", GOOD, "pending");
    const bare = status({ latest, deployment: { endpoint: null, dtCreated: "soon" }, history: [] });
    for (const field of ["endpoint", "url", "createdAt", "instances", "history", "secrets", "plan"])
      expect(bare).not.toHaveProperty(field);
    expect(bare.spec).toEqual({ id: "s1" });
  });

  it("names the hash of a spec only where this object sent it", () => {
    expect(status({ latest: stored("x", FOREIGN) }).spec).not.toHaveProperty("hash");
  });

  it("shows numbers and texts that the schema takes: else the API server would refuse the whole status", () => {
    const odd = status({
      latest: { ...stored("s1", GOOD, "rejected"), error: "x".repeat(10_000), dtHealthy: "never" },
      runs: seen([
        { replicas: 1.5, ready: 0.4, available: 2.6, instances: [instance("i1", "", "y".repeat(5_000))] },
      ]),
      outcome: { ...STALLED, message: "z".repeat(5_000) },
    });
    expect(Value.Errors(deploymentStatusSchema, odd)).toEqual([]);
    expect(odd).toMatchObject({ replicas: 2, readyReplicas: 0, availableReplicas: 3 });
    expect(odd.spec).not.toHaveProperty("healthyAt");
  });

  it("remembers all that must outlive a restart of the operator", () => {
    const after = {
      operation: { intent: "Delete", requestedAt: ago(0), deadline: ago(0) },
      history: [sent(GOOD, { specId: "s1", filled: ["command"], secrets: ["k8s_a"] })],
      rolledBack: { hash: "h", to: "s0", message: "no", at: ago(0) },
      secrets: ["k8s_a", "k8s_b"],
    };
    for (const given of [{}, UNSEEN])
      expect(status({ after, ...given, outcome: WAITS })).toMatchObject(after);
  });

  it("holds nothing secret: every reader of the object sees the status", () => {
    const SECRET = "hunter2";
    const spec = { ...GOOD, command: [SECRET], env: [{ name: "A", value: SECRET }] };
    const deployment = { basicAuthKey: SECRET } as object;
    for (const outcome of [DONE, STALLED, HALTS])
      for (const latest of [stored("s1", GOOD), stored("s1", spec)])
        for (const declared of [GOOD, spec]) {
          const given = { spec: declared, latest, deployment, outcome };
          const reported = status(outcome === HALTS ? { ...given, halted: HALT } : given);
          expect(JSON.stringify(reported)).not.toContain(SECRET);
        }
  });
});

describe("instances", () => {
  const many = (count: number, state: string, from = 0) =>
    Array.from({ length: count }, (_, n) => instance(`i${String(from + n).padStart(3, "0")}`, state));

  it("come troubled ones first and fifty at most: those are what users look for, and a status must stay small", () => {
    const list = [...many(60, "running"), ...many(3, "Errored", 60), ...many(2, "failed", 63)];
    const { instances = [] } = status({ runs: seen([run(60, 65, list)]) });
    expect(instances).toHaveLength(50);
    expect(instances.slice(0, 5).map(({ id }) => id)).toEqual(["i060", "i061", "i062", "i063", "i064"]);
    expect(instances[5]?.id).toBe("i000");
  });

  it("stand in the same order however the API lists them: else each read would be a write", () => {
    const list = [instance("b"), instance("a", "failed"), instance("c")];
    const turned = [...list].reverse();
    expect(status({ runs: seen([run(2, 3, turned)]) })).toEqual(status({ runs: seen([run(2, 3, list)]) }));
    expect(list.map(({ id }) => id)).toEqual(["b", "a", "c"]);
  });

  it("pass on states that the operator does not know: no source has a closed set of them", () => {
    const { instances } = status({ runs: seen([run(0, 1, [instance("i1", "Image-Pulling", "80 %")])]) });
    expect(instances).toEqual([{ id: "i1", state: "Image-Pulling", message: "80 %", createdAt: API_TIME }]);
  });

  it("are those of the newest run; where none is left there are none", () => {
    const runs = seen([run(1, 1, [instance("new")]), run(0, 1, [instance("old")])]);
    expect(status({ runs }).instances?.map(({ id }) => id)).toEqual(["new"]);
    const before = status({ runs });
    expect(status({ before, runs: seen([]) })).toMatchObject({ replicas: 0, readyReplicas: 0 });
    expect(status({ before, runs: seen([]) })).not.toHaveProperty("instances");
  });

  it("that fail are reported once for each state, and not those that were in it already", () => {
    const of = (...instances: ReturnType<typeof instance>[]) =>
      ({ instances }) as unknown as DeploymentStatus;
    const none = {} as DeploymentStatus;
    const failed = of(instance("i1", "failed", "no image"));
    expect(deploymentEventNotes(none, failed)).toEqual([
      {
        id: "instance/i1/failed",
        type: "Warning",
        reason: REASON.InstanceFailed,
        note: "instance i1 is failed: no image",
      },
    ]);
    expect(deploymentEventNotes(failed, failed)).toEqual([]);
    expect(deploymentEventNotes(of(instance("i1")), failed)).toHaveLength(1);
    expect(deploymentEventNotes(failed, of(instance("i1", "errored")))).toMatchObject([
      { id: "instance/i1/errored", note: "instance i1 is errored" },
    ]);
    expect(deploymentEventNotes(failed, of(instance("i1")))).toEqual([]);
    expect(deploymentEventNotes(failed, none)).toEqual([]);
  });
});

describe("Synced", () => {
  const synced = (given: Particulars & { owns?: boolean }) => condition(status(given), "Synced");

  it("is True where Paperspace has what is declared, and reports what differs where it has not", () => {
    expect(synced({})).toMatchObject({ status: "True", reason: "Synced" });
    expect(synced({ latest: stored("x", FOREIGN) })).toMatchObject({
      status: "False",
      reason: "Drifted",
      message: expect.stringContaining(`image: "${FOREIGN.image}" → "${GOOD.image}"`),
    });
  });

  it("is Unknown while what the spec refers to is missing or not read: nothing can be compared", () => {
    const missing = { state: "missing", reason: REASON.SecretNotFound, message: "no Secret hub" } as const;
    expect(synced({ desired: missing })).toMatchObject({
      status: "Unknown",
      reason: REASON.SecretNotFound,
      message: "no Secret hub",
    });
    expect(synced({ desired: { state: "unknown" } })).toMatchObject({ status: "Unknown" });
  });

  it("is not reported of what cannot be observed, is gone, or has no owner", () => {
    for (const given of [UNSEEN, GONE, { owns: false }]) expect(synced(given)).toBeUndefined();
  });
});

describe("Healthy", () => {
  const outcomes: [Rollout["outcome"], string, string][] = [
    ["Healthy", "True", "Healthy"],
    ["Disabled", "False", REASON.Disabled],
    ["Failed", "False", "RolloutFailed"],
    ["TimedOut", "False", "RolloutTimedOut"],
    ["Progressing", "False", REASON.Progressing],
  ];
  const head = (outcome: Rollout["outcome"]) => [
    sent(GOOD, { specId: "s1", outcome, message: "0 of 2 are ready" }),
  ];

  it.each(outcomes)(
    "reports of a rollout that is %s that it is %s (%s), and why",
    (outcome, truth, reason) => {
      const reported = condition(status({ history: head(outcome) }), "Healthy");
      expect(reported).toMatchObject({ status: truth, reason });
      if (reason.startsWith("Rollout")) expect(reported?.message).toBe("0 of 2 are ready");
    },
  );

  it("is False while fewer instances are ready than requested, though its rollout was healthy", () => {
    const outcome: ReportedOutcome = { ...WAITS, reason: REASON.Degraded, message: "1 of 3 are ready" };
    expect(condition(status({ history: head("Healthy"), outcome }), "Healthy")).toMatchObject({
      status: "False",
      reason: REASON.Degraded,
      message: "1 of 3 are ready",
    });
  });

  it("is True and reports it where the last healthy configuration runs instead: it serves, as another than declared", () => {
    const after = { rolledBack: { hash: "h", to: "s0", message: "no", at: ago(0) } };
    const reported = status({ history: head("Healthy"), after, outcome: STALLED });
    expect(condition(reported, "Healthy")).toMatchObject({ status: "True", reason: REASON.RolledBack });
    expect(condition(reported, "Ready")?.status).toBe("False");
  });

  it("is not reported before anything was sent, nor of what cannot be observed", () => {
    expect(condition(status({ history: [] }), "Healthy")).toBeUndefined();
    for (const given of [UNSEEN, GONE]) expect(condition(status(given), "Healthy")).toBeUndefined();
  });
});

describe("deploymentStatus of what cannot be seen", () => {
  const before = status({
    deployment: { endpoint: "d1.example.org", dtCreated: API_TIME },
    runs: seen([run(1, 2, [instance("i1")])]),
  });

  it("keeps what was last observed, since it is all there is", () => {
    const unseen = status({ ...UNSEEN, runs: undefined as never, before, outcome: WAITS });
    const { name, endpoint, url, createdAt, spec, replicas, readyReplicas, instances } = before;
    expect(instances).toHaveLength(1);
    expect(unseen).toMatchObject({
      name,
      endpoint,
      url,
      createdAt,
      spec,
      replicas,
      readyReplicas,
      instances,
    });
  });

  it("keeps the counts alone while only the runs are unknown", () => {
    const next = status({ runs: undefined as never, before, latest: stored("s2", GOOD) });
    expect(next).toMatchObject({ replicas: 2, readyReplicas: 1, spec: { id: "s2" } });
    expect(next).not.toHaveProperty("url");
  });

  it("shows nothing of a deployment that is gone for certain, but whose it was", () => {
    const gone = status({ ...GONE, before, outcome: STALLED });
    for (const field of ["name", "url", "spec", "instances", "createdAt"])
      expect(gone).not.toHaveProperty(field);
    expect(gone).toMatchObject({ id: "d1", teamId: TEAM, replicas: 0 });
  });

  it("forgets the id of what is not owned any more", () => {
    const none = { identity: { state: "none" }, owns: false, before, outcome: WAITS } as const;
    expect(status(none)).not.toHaveProperty("id");
    expect(status(none)).not.toHaveProperty("url");
  });
});

describe("deploymentStatus under dry-run and pause", () => {
  const drifted: Particulars = {
    spec: NEW,
    latest: stored("s1", GOOD),
    history: [sent(GOOD, { specId: "s1" })],
  };

  it("writes the plan under dry-run, an empty one where nothing would be done, and none otherwise", () => {
    expect(status({ halted: HALT, outcome: HALTS }).plan).toEqual([]);
    const planned = status({ ...drifted, halted: HALT, outcome: HALTS });
    expect(planned.plan).toMatchObject([{ action: "Deploy", field: "image" }]);
    const paused = { reason: REASON.Paused, message: "paused" };
    expect(status({ ...drifted, halted: paused, outcome: { ...HALTS, ...paused } })).not.toHaveProperty(
      "plan",
    );
    expect(status({ before: planned })).not.toHaveProperty("plan");
  });

  it("keeps what it reported before, and refreshes what can be judged by reading alone", () => {
    const before = status({ outcome: WAITS });
    const after = status({ ...drifted, before, halted: HALT, outcome: HALTS });
    expect(condition(after, "Ready")).toEqual(condition(before, "Ready"));
    expect(condition(after, "Paused")).toMatchObject({ status: "True", reason: REASON.DryRun });
    expect(condition(after, "Synced")?.status).toBe("False");
    expect(condition(after, "Healthy")?.status).toBe("False");
  });
});
