/** What is done about a deployment once it is there: as it fails, is halted, is gone, is deleted; and its secrets. */
import { describe, expect, it } from "vitest";
import { decideDeployment } from "../../../src/kinds/deployment/decide.ts";
import { FACT } from "../../../src/kinds/deployment/observation.ts";
import {
  ago,
  beginning,
  chosen,
  GOOD,
  LIMITS,
  MINUTE,
  NEW,
  type Particulars,
  run,
  secretName,
  seen,
  sent,
  situation,
  stored,
  TEAM,
  targetOf,
  WITH_SECRET,
} from "./situations.ts";

const PAUSED = { reason: "Paused", message: "the annotation stops every change" };
const DRY_RUN = { reason: "DryRun", message: "the annotation stops every change" };
const TROUBLE = { kind: "Retry", reason: "ApiUnavailable", message: "503" } as const;
const ABSENT = { state: "absent", certain: true } as const;
const TOKEN = secretName("hub", "token");

describe("instances that fail", () => {
  const degraded = (ageMs: number) =>
    situation({
      runs: seen([run(0)]),
      memory: {
        operation: { intent: "Observe", requestedAt: ago(ageMs), deadline: ago(ageMs - 15 * MINUTE) },
      },
    });

  it.each([
    { dtHealthy: null },
    { dtHealthy: undefined },
    { externalApplied: null },
    { externalApplied: undefined },
    { externalApplied: undefined, dtHealthy: undefined, error: "one instance failed" },
  ])(
    "alone take Ready away from what was healthy an hour ago, not its marks that are missing (%j)",
    (marks) => {
      const history = [sent(GOOD, { specId: "s1", outcome: "Healthy", ageMs: 60 * MINUTE })];
      const latest = { ...stored("s1", GOOD), ...marks };
      const observation = (ready: number) =>
        situation({ spec: { ...GOOD, rollback: "OnFailure" }, latest, history, runs: seen([run(ready)]) });
      expect(chosen(observation(1))).toBe("Done/Available");
      expect(chosen(observation(0))).toBe("RequeueAfter/Degraded");
    },
  );

  it("after a healthy rollout make it degraded, from when it was first seen", () => {
    const { step, memory } = decideDeployment(situation({ runs: seen([run(0)]) }));
    expect(step).toMatchObject({ outcome: { kind: "RequeueAfter", reason: "Degraded" } });
    expect(memory.operation).toMatchObject({ intent: "Observe", requestedAt: ago(0) });
    expect(memory.history[0]?.outcome).toBe("Healthy");
  });

  it("for longer than the deadline stall it; nothing is sent, for the configuration was well once", () => {
    expect(chosen(degraded(MINUTE))).toBe("RequeueAfter/Degraded");
    expect(chosen(degraded(20 * MINUTE))).toBe("Terminal/Degraded");
  });

  it("are forgotten once a fresh read finds all ready", () => {
    const observation = degraded(MINUTE);
    const old = decideDeployment({ ...observation, runs: seen([run(1)], MINUTE) });
    expect(old.needs).toEqual([FACT.runs]);
    const { step, memory } = decideDeployment({ ...observation, runs: seen([run(1)]) });
    expect(step).toMatchObject({ outcome: { kind: "Done" } });
    expect(memory.operation).toBeUndefined();
  });
});

describe("a deployment that is not to be seen", () => {
  it("is waited for until it is gone for certain: a list or a 404 may be early", () => {
    expect(chosen(situation({ resource: { state: "absent", certain: false } }))).toBe(
      "RequeueAfter/AbsenceUnconfirmed",
    );
  });

  it("stalls under Stall, and is made again under Recreate, without the history of the old one", () => {
    expect(chosen(situation({ resource: ABSENT }))).toBe("Terminal/ExternallyDeleted");
    const { step, memory } = decideDeployment(
      situation({ spec: { ...GOOD, onExternalDeletion: "Recreate" }, resource: ABSENT }),
    );
    expect(step.do).toBe("disown");
    expect(memory.history).toEqual([]);
  });

  it("leaves its project secrets to the next one, and takes them along where there is none to come", () => {
    const gone = { resource: ABSENT, memory: { secrets: [TOKEN] } };
    expect(chosen(situation(gone))).toBe("Terminal/ExternallyDeleted");
    expect(chosen(situation({ ...gone, deleting: true }))).toBe(`dropSecret/${TOKEN}`);
  });
});

describe("a deletion", () => {
  const requested = (ageMs: number, deadlineMs = 30 * MINUTE) => ({
    deleting: true,
    memory: {
      operation: { intent: "Delete", requestedAt: ago(ageMs), deadline: ago(ageMs - deadlineMs) },
    },
  });

  it("is requested once, and waited for", () => {
    expect(chosen(situation({ deleting: true }))).toBe("delete");
    expect(chosen(situation(requested(MINUTE)))).toBe("RequeueAfter/Deleting");
  });

  it("that is late is reported, and requested again, slowly, with the deadline that it had", () => {
    expect(chosen(situation(requested(5 * MINUTE, MINUTE)))).toBe("Terminal/TransitionTimedOut");
    const { step } = decideDeployment(situation(requested(11 * MINUTE, MINUTE)));
    expect(step).toEqual({ do: "delete", deadline: ago(10 * MINUTE) });
  });

  it("releases the object once the deployment is gone", () => {
    expect(decideDeployment(situation({ deleting: true, resource: ABSENT })).step).toEqual({
      do: "release",
      reason: "Deleted",
    });
  });

  it("under Orphan leaves the deployment, and the secrets that it uses", () => {
    const observation = situation({ deleting: true, deletionPolicy: "Orphan", memory: { secrets: [TOKEN] } });
    expect(decideDeployment(observation).step).toEqual({ do: "release", reason: "Orphaned" });
  });

  it("does not need what the spec refers to: that may be deleted already", () => {
    expect(chosen(situation({ deleting: true, desired: { state: "unknown" } }))).toBe("delete");
  });

  const left = { deleting: true, memory: { secrets: [TOKEN] } };

  it("of an object that never got a deployment removes the secrets that were put for it", () => {
    expect(chosen(beginning(left))).toBe(`dropSecret/${TOKEN}`);
    expect(decideDeployment(beginning({ deleting: true })).step).toEqual({
      do: "release",
      reason: "NothingToDelete",
    });
  });

  it("removes the other secrets while the removal of one backs off, and waits for that one", () => {
    const refused = { kind: "Terminal", reason: "Refused", message: "no", recheckMs: 1 } as const;
    const backingOff = { [`dropSecret/${TOKEN}`]: refused };
    expect(chosen(beginning({ ...left, memory: { secrets: [TOKEN, "k8s_other"] }, backingOff }))).toBe(
      "dropSecret/k8s_other",
    );
    expect(chosen(beginning({ ...left, backingOff }))).toBe(`dropSecret/${TOKEN}`);
  });

  it("waits a while for a key that opens its secrets, and then leaves them", () => {
    const early = { ...left, deletedAt: ago(MINUTE) };
    const invalid = { state: "invalid", message: "no key" } as const;
    const unreachable = { state: "unreachable", message: "no route" } as const;
    expect(chosen(beginning({ ...early, account: invalid }))).toBe("Terminal/CredentialsInvalid");
    expect(chosen(beginning({ ...early, account: unreachable }))).toBe("Retry/CredentialsUnchecked");
    expect(chosen(beginning({ ...left, deletedAt: ago(LIMITS.deleteMs), account: invalid }))).toBe("release");
    expect(chosen(beginning({ deleting: true, account: invalid }))).toBe("release");
  });

  it("waits for a pause to end, also where only secrets are left: a pause stops every write", () => {
    expect(chosen(situation({ deleting: true, halted: PAUSED }))).toBe("Terminal/Paused");
    expect(chosen(beginning({ ...left, halted: PAUSED }))).toBe("Terminal/Paused");
    expect(chosen(beginning({ deleting: true, halted: PAUSED }))).toBe("release");
  });
});

describe("an object that is halted", () => {
  it.each([
    ["Paused", PAUSED],
    ["DryRun", DRY_RUN],
  ])("under %s sends nothing, whatever differs", (reason, halted) => {
    const halting = (more: Particulars) => chosen(situation({ ...more, halted }));
    expect(halting({ spec: NEW, latest: stored("s1", GOOD) })).toBe(`Halted/${reason}`);
    expect(chosen(beginning({ halted }))).toBe(`Halted/${reason}`);
    expect(halting({ requests: { restart: "now" } })).toBe(`Halted/${reason}`);
    expect(halting({ resource: ABSENT, spec: { ...GOOD, onExternalDeletion: "Recreate" } })).toBe(
      `Halted/${reason}`,
    );
    expect(halting({ memory: { secrets: [TOKEN] } })).toBe(`Halted/${reason}`);
  });

  it("keeps its memory", () => {
    const observation = situation({ halted: PAUSED, spec: NEW, latest: stored("s1", GOOD) });
    expect(decideDeployment(observation).memory).toEqual(observation.memory);
  });
});

describe("a request by annotation", () => {
  it.each([{ restart: "now" }, { start: "now" }])(
    "(%o) is answered: a deployment has no power",
    (requests) => {
      expect(decideDeployment(situation({ requests })).step).toMatchObject({ do: "handle", requests });
    },
  );
});

describe("knowledge that is not there", () => {
  it("is waited for, or its read error is reported", () => {
    expect(chosen(situation({ resource: { state: "unknown" } }))).toBe("Unknown");
    expect(chosen(situation({ readError: TROUBLE }))).toBe("Retry/ApiUnavailable");
  });

  it("of another team's key is never an absence", () => {
    const observation = situation({ account: { state: "valid", team: "te2" }, resource: ABSENT });
    expect(chosen(observation)).toBe("Terminal/CredentialsInvalid");
    expect(TEAM).not.toBe("te2");
  });
});

describe("project secrets", () => {
  const spec = WITH_SECRET;
  const history = [sent(spec, { specId: "s1", outcome: "Healthy" })];

  it("that nothing uses any more are removed once all is healthy", () => {
    const observation = situation({ spec, history, memory: { secrets: ["k8s_old", TOKEN] } });
    const { step } = decideDeployment(observation);
    expect(step).toMatchObject({ do: "dropSecret", of: "k8s_old" });
    expect(step).toMatchObject({ report: { kind: "Done", reason: "Available" } });
  });

  it("of former configurations are kept: going back needs them", () => {
    const older = sent(GOOD, { specId: "s0", outcome: "Healthy", secrets: ["k8s_old"] });
    const observation = situation({
      spec,
      history: [...history, older],
      memory: { secrets: ["k8s_old", TOKEN] },
    });
    expect(chosen(observation)).toBe("Done/Available");
  });

  it("are removed by no rollout that is not over yet", () => {
    const under = [sent(spec, { specId: "s1" })];
    const latest = stored("s1", targetOf(spec).config, "applied");
    const observation = situation({ spec, history: under, latest, memory: { secrets: ["k8s_old", TOKEN] } });
    expect(chosen(observation)).toBe("RequeueAfter/Progressing");
  });

  it("that cannot be removed just now are left: the deployment is healthy", () => {
    const backingOff = {
      "dropSecret/k8s_old": { kind: "Retry", reason: "ApiUnavailable", message: "503" },
    } as const;
    const observation = situation({ spec, history, backingOff, memory: { secrets: ["k8s_old", TOKEN] } });
    expect(chosen(observation)).toBe("Done/Available");
  });
});
