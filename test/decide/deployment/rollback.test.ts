/**
 * Going back to the last healthy configuration (spec.rollback), pass by pass: what the API shows next is set by
 * hand, what is remembered is what the pass before remembered.
 */
import { describe, expect, it } from "vitest";
import type { StoredSpec } from "../../../src/kinds/deployment/api.ts";
import { decideDeployment } from "../../../src/kinds/deployment/decide.ts";
import {
  type DeploymentDecision,
  type DeploymentMemory,
  type DeploymentObservation,
  FACT,
} from "../../../src/kinds/deployment/observation.ts";
import { pushed } from "../../../src/kinds/deployment/rollout.ts";
import { entryOf } from "../../../src/kinds/deployment/steps.ts";
import type { DeploymentSpec } from "../../../src/kinds/deployment/types.ts";
import {
  ago,
  chosen,
  DEADLINE_MS,
  deployed,
  GOOD,
  MINUTE,
  messageOf,
  NEW,
  NOW,
  OFF,
  outcomeOf,
  type Particulars,
  reported,
  run,
  SECOND,
  secretName,
  seen,
  sent,
  situation,
  stored,
  targetOf,
  WITH_SECRET,
} from "./situations.ts";

const BACK: DeploymentSpec = { ...NEW, rollback: "OnFailure" };
const WELL = sent(GOOD, { specId: "s1", outcome: "Healthy", ageMs: 24 * 60 * MINUTE });
const SPECS = [stored("s2", NEW, "rejected"), stored("s1", GOOD)];
const TOKEN = secretName("hub", "token");

/** The declared configuration was sent a while ago and is shown. */
function rolling(latest: StoredSpec, { ageMs = MINUTE, ...more }: Particulars & { ageMs?: number } = {}) {
  const history = [sent(NEW, { specId: latest.id, replaces: "s1", ageMs }), WELL];
  return situation({ spec: BACK, latest, history, runs: seen([run(0)]), ...more });
}

const rejected = (more: Particulars = {}) => rolling(stored("s2", NEW, "rejected"), more);
const late = (more: Particulars = {}) =>
  rolling(stored("s2", NEW, "applied"), { ageMs: DEADLINE_MS, ...more });

/** The same, a moment later, with what was decided remembered. */
function later(
  observation: DeploymentObservation,
  { memory }: DeploymentDecision,
  more: Partial<DeploymentObservation> = {},
): DeploymentObservation {
  return { ...observation, memory, ...more };
}

/** What perform remembers of an upsert that was decided on. */
function memoryAfter(decision: DeploymentDecision): DeploymentMemory {
  const { step, memory } = decision;
  if (step.do !== "deploy") throw new Error(`${step.do} instead of deploy`);
  return { ...memory, history: pushed(memory.history, entryOf(step, 2, NOW)) };
}

function showing(observation: DeploymentObservation, latest: StoredSpec | null): DeploymentObservation {
  if (observation.resource.state !== "present") throw new Error("it is there");
  return {
    ...observation,
    resource: { state: "present", deployment: { ...observation.resource.deployment, latestSpec: latest } },
  };
}

/** From the failure until the good configuration is sent again. */
function goneBack(failed: DeploymentObservation = rejected()) {
  const observation = later(failed, decideDeployment(failed), { specs: SPECS });
  const decision = decideDeployment(observation);
  return { observation: { ...observation, memory: memoryAfter(decision) }, decision };
}

/** From there until the good one is healthy again, as s3. */
function settled(failed?: DeploymentObservation) {
  const { observation } = goneBack(failed);
  const shown = { ...showing(observation, stored("s3", GOOD)), runs: seen([run(1)]) };
  const decision = decideDeployment(shown);
  return { observation: later(shown, decision), decision };
}

describe("a rollout that fails under rollback OnFailure", () => {
  it.each([
    ["rejected by Paperspace", rejected(), "Failed", "no such machine type"],
    ["not done within the deadline", late(), "TimedOut", "not done by"],
    [
      "not even applied within the deadline",
      rolling(stored("s2", NEW, "pending"), { ageMs: DEADLINE_MS }),
      "TimedOut",
      "has not applied it",
    ],
  ])("because it is %s is gone back on, at once and with the reason", (_why, observation, outcome, words) => {
    const decision = decideDeployment(observation);
    expect(outcomeOf(decision)).toMatchObject({ kind: "RequeueAfter", reason: "RolledBack", afterMs: 0 });
    expect(decision.memory).toMatchObject({
      history: [{ outcome, message: expect.stringContaining(words) }, { specId: "s1" }],
      rolledBack: { to: "s1", hash: targetOf(NEW).hash, at: ago(0) },
    });
  });

  it("is not gone back on a moment before the deadline", () => {
    expect(chosen(late())).toBe("RequeueAfter/RolledBack");
    const early = rolling(stored("s2", NEW, "applied"), { ageMs: DEADLINE_MS - SECOND });
    expect(chosen(early)).toBe("RequeueAfter/Progressing");
  });

  it("fetches the configuration that was well from Paperspace, and sends it as a new one", () => {
    const failed = rejected();
    const observation = later(failed, decideDeployment(failed));
    expect(decideDeployment(observation).needs).toEqual([FACT.specs]);
    expect(deployed(decideDeployment({ ...observation, specs: SPECS }))).toMatchObject({
      image: GOOD.image,
      replaces: "s2",
      rollback: true,
    });
  });

  it("sends it with the origin that it had, not with the one of what failed", () => {
    const git = { host: "github", actor: "ada", owner: "acme", repo: "model", ref: "main", sha: "abc" };
    const failed = rejected({
      spec: { ...BACK, git: { ...git, sha: "def" } } as DeploymentSpec,
      history: [sent(NEW, { specId: "s2", replaces: "s1", ageMs: MINUTE }), { ...WELL, git }],
    });
    expect(deployed(goneBack(failed).decision)?.git).toEqual(git);
  });

  it("reports afterwards that it runs, that it is not what is declared, and when that is tried again", () => {
    const { observation } = settled();
    expect(reported(observation)).toMatchObject({
      ready: "False",
      reason: "RolledBack",
      healthy: "True",
      progress: "Stalled",
    });
    expect(messageOf(decideDeployment(observation))).toContain("tried again when its spec changes");
  });

  it("stays with what runs, pass after pass: what failed is not tried again by itself", () => {
    const { observation, decision } = settled();
    expect(decision.memory.history).toMatchObject([
      { specId: "s3", rollback: true, outcome: "Healthy" },
      { specId: "s2", outcome: "Failed" },
      { specId: "s1", outcome: "Healthy" },
    ]);
    expect(decideDeployment(observation)).toEqual(decision);
    expect(chosen({ ...observation, now: NOW + 48 * 60 * MINUTE })).toBe("Terminal/RolledBack");
  });

  it("is not misled by what is read right after going back: the failed one still shows", () => {
    const { observation } = goneBack();
    expect(chosen(observation)).toBe("RequeueAfter/Deploying");
  });
});

describe("where there is no going back", () => {
  it("because nothing was ever healthy, the failure is reported with that", () => {
    const decision = decideDeployment(rejected({ history: [sent(NEW, { specId: "s2", ageMs: MINUTE })] }));
    expect(outcomeOf(decision)).toMatchObject({ kind: "Terminal", reason: "ConfigurationRejected" });
    expect(messageOf(decision)).toContain("no healthy configuration to go back to");
    expect(decision.memory.rolledBack).toBeUndefined();
  });

  it("because only the same configuration was healthy, it is not sent again", () => {
    const same = sent(NEW, { specId: "s1", outcome: "Healthy" });
    const observation = rejected({ history: [sent(NEW, { specId: "s2", ageMs: MINUTE }), same] });
    expect(chosen(observation)).toBe("Terminal/ConfigurationRejected");
  });

  it.each(["Failed", "TimedOut", "Superseded", "Disabled", "Progressing"] as const)(
    "because the one before was %s, and that is none to go back to",
    (outcome) => {
      const before = sent(GOOD, { specId: "s1", outcome });
      const observation = rejected({ history: [sent(NEW, { specId: "s2", ageMs: MINUTE }), before] });
      expect(chosen(observation)).toBe("Terminal/ConfigurationRejected");
    },
  );

  it("because Paperspace has forgotten it, what is shown stays, and that is reported", () => {
    const failed = rejected();
    const observation = later(failed, decideDeployment(failed), { specs: [stored("s2", NEW, "rejected")] });
    const decision = decideDeployment(observation);
    expect(outcomeOf(decision)).toMatchObject({ kind: "Terminal", reason: "RollbackFailed" });
    expect(messageOf(decision)).toContain("spec s1");
  });

  it("because Paperspace has forgotten it, what is declared may still come about, late", () => {
    const failed = late();
    const observation = later(failed, decideDeployment(failed), { specs: [stored("s2", NEW, "applied")] });
    expect(chosen(observation)).toBe("Terminal/RollbackFailed");
    const healthy = { ...showing(observation, stored("s2", NEW)), runs: seen([run(0)], MINUTE) };
    expect(decideDeployment(healthy)).toMatchObject({
      step: { outcome: { reason: "RollbackFailed" } },
      needs: [FACT.runs],
    });
    expect(chosen({ ...healthy, runs: seen([run(1)]) })).toBe("Done/Available");
  });

  it("because its configuration cannot be read any more, the same is reported", () => {
    const failed = rejected();
    const specs = [{ ...stored("s1", GOOD), data: null }];
    expect(chosen(later(failed, decideDeployment(failed), { specs }))).toBe("Terminal/RollbackFailed");
  });

  it("because spec.rollback is None, the failure is reported and nothing is sent", () => {
    expect(chosen(rejected({ spec: NEW }))).toBe("Terminal/ConfigurationRejected");
    expect(chosen(late({ spec: NEW }))).toBe("Terminal/ProgressDeadlineExceeded");
  });

  it("because it shall be off: nothing that runs is an answer to that", () => {
    const off: DeploymentSpec = { ...OFF, rollback: "OnFailure" };
    const at = (latest: StoredSpec, ageMs: number) =>
      situation({
        spec: off,
        latest,
        history: [sent(OFF, { specId: "s2", replaces: "s1", ageMs }), WELL],
        runs: seen([run(1)]),
      });
    expect(chosen(at(stored("s2", OFF, "applied"), DEADLINE_MS))).toBe("Terminal/ProgressDeadlineExceeded");
    expect(chosen(at(stored("s2", OFF, "rejected"), MINUTE))).toBe("Terminal/ConfigurationRejected");
  });
});

describe("a configuration that Paperspace takes and then shows none of", () => {
  const shown = { ...BACK };
  const invalid = (spec: DeploymentSpec = shown) =>
    situation({ spec, latest: null, history: [sent(NEW, { replaces: "s1", ageMs: MINUTE }), WELL] });

  it("is a failure like any other, and gone back on", () => {
    const observation = invalid();
    const decision = decideDeployment(observation);
    expect(outcomeOf(decision)).toMatchObject({ kind: "RequeueAfter", reason: "RolledBack" });
    expect(
      deployed(decideDeployment(later(observation, decision, { specs: [stored("s1", GOOD)] }))),
    ).toMatchObject({
      image: GOOD.image,
      rollback: true,
    });
  });

  it("is only reported under rollback None", () => {
    expect(chosen(invalid(NEW))).toBe("Terminal/ConfigurationRejected");
  });
});

describe("a rollback that fails itself", () => {
  it.each([
    ["rejected", stored("s3", GOOD, "rejected"), 0],
    ["late", stored("s3", GOOD, "applied"), DEADLINE_MS],
  ])("because it is %s is reported with both reasons, and nothing more is sent", (_how, latest, laterMs) => {
    const { observation } = goneBack();
    const decision = decideDeployment({ ...showing(observation, latest), now: NOW + laterMs });
    expect(outcomeOf(decision)).toMatchObject({ kind: "Terminal", reason: "RollbackFailed" });
    expect(messageOf(decision)).toContain("no such machine type");
    expect(messageOf(decision)).toContain("Going back to spec s1 failed, too");
  });

  it("recovers by itself where it becomes healthy late", () => {
    const { observation } = goneBack();
    const now = NOW + DEADLINE_MS;
    const stuck = { ...showing(observation, stored("s3", GOOD, "applied")), now };
    const healthy = {
      ...showing(later(stuck, decideDeployment(stuck)), stored("s3", GOOD)),
      runs: seen([run(1)]),
    };
    expect(chosen(healthy)).toBe("Terminal/RolledBack");
  });
});

describe("what failed", () => {
  it("is tried again only as another configuration", () => {
    const { observation } = settled();
    const labelled = { ...observation, spec: { ...BACK, progressDeadlineSeconds: 1800 }, generation: 3 };
    expect(chosen(labelled)).toBe("Terminal/RolledBack");
    const corrected: DeploymentSpec = { ...BACK, image: "ghcr.io/acme/model:3" };
    const decision = decideDeployment({ ...observation, spec: corrected, desired: targetOf(corrected) });
    expect(deployed(decision)).toMatchObject({ image: corrected.image, replaces: "s3", rollback: false });
    expect(decision.memory.rolledBack).toBeUndefined();
  });

  it("is over where the spec goes back to the good one: that runs already, and nothing is sent", () => {
    const { observation } = settled();
    const reverted: DeploymentSpec = { ...GOOD, rollback: "OnFailure" };
    const decision = decideDeployment({ ...observation, spec: reverted, desired: targetOf(reverted) });
    expect(outcomeOf(decision)).toMatchObject({ kind: "Done", reason: "Available" });
    expect(decision.memory.rolledBack).toBeUndefined();
  });

  it("is over as well where the spec is reverted before the good one was sent again", () => {
    const failed = rejected();
    const observation = later(failed, decideDeployment(failed), { specs: SPECS });
    const reverted: DeploymentSpec = { ...GOOD, rollback: "OnFailure" };
    const decision = decideDeployment({ ...observation, spec: reverted, desired: targetOf(reverted) });
    expect(deployed(decision)).toMatchObject({ image: GOOD.image, rollback: false });
  });

  it("is sent again where rollback is switched off: that is what the spec requests now", () => {
    const { observation } = settled();
    const decision = decideDeployment({ ...observation, spec: NEW });
    expect(deployed(decision)).toMatchObject({ image: NEW.image, rollback: false });
  });

  it("is not sent again by a rename, and what runs gets the name", () => {
    const { observation } = settled();
    const renamed = {
      ...observation,
      name: "api",
      desired: targetOf(BACK, "api"),
      siblings: { ids: [], ageMs: 0 },
    };
    const decision = decideDeployment({ ...renamed, specs: [stored("s3", GOOD), ...SPECS] });
    expect(deployed(decision)).toMatchObject({ image: GOOD.image, name: "api", rollback: true });
  });
});

describe("while rolled back", () => {
  it("what another actor changes in the console is put back to the good one, not to the failed one", () => {
    const { observation } = settled();
    const edited = showing(observation, stored("s8", { ...GOOD, replicas: 4 }));
    expect(deployed(decideDeployment({ ...edited, specs: SPECS }))).toMatchObject({
      image: GOOD.image,
      rollback: true,
      changes: [{ field: "replicas", from: 4, to: 1 }],
    });
  });

  it("instances that fail are reported like those of any other", () => {
    const { observation } = settled();
    expect(chosen({ ...observation, runs: seen([run(0)]) })).toBe("RequeueAfter/Degraded");
  });

  it("a missing Secret is reported, and what runs is left alone", () => {
    const { observation } = settled();
    const desired = { state: "missing", reason: "SecretNotFound", message: "make it" } as const;
    const decision = decideDeployment({ ...observation, desired });
    expect(outcomeOf(decision)).toMatchObject({ kind: "Terminal", reason: "SecretNotFound" });
    expect(decision.memory.rolledBack).toBeDefined();
  });

  it("another failure goes back to the newest that was healthy, which is the one that runs", () => {
    const { observation } = settled();
    const third: DeploymentSpec = { ...BACK, image: "ghcr.io/acme/model:3" };
    const next = { ...observation, spec: third, desired: targetOf(third) };
    const sentAgain = { ...next, memory: memoryAfter(decideDeployment(next)) };
    const decision = decideDeployment(showing(sentAgain, stored("s4", third, "rejected")));
    expect(decision.memory.rolledBack).toMatchObject({ to: "s3", hash: targetOf(third).hash });
  });
});

describe("secrets", () => {
  const well = sent(WITH_SECRET, { specId: "s1", outcome: "Healthy", ageMs: 60 * MINUTE });
  const specs = [stored("s1", targetOf(WITH_SECRET).config)];
  const failed = () =>
    rejected({
      history: [sent(NEW, { specId: "s2", replaces: "s1", ageMs: MINUTE }), well],
      memory: { secrets: [TOKEN] },
    });

  it("of what is gone back to are there still, and are not put again: their values may be gone", () => {
    const observation = later(failed(), decideDeployment(failed()), { specs });
    const { step } = decideDeployment(observation);
    expect(step).toMatchObject({ do: "deploy", target: { config: { env: [{ name: "TOKEN" }] } } });
  });

  it("are kept while it runs, however often it had to be put back", () => {
    const start = later(failed(), decideDeployment(failed()), { specs });
    let observation = start;
    for (let times = 1; times <= 24; times++) {
      const console = stored(`x${times}`, { ...GOOD, replicas: 4 });
      const edited = {
        ...showing(observation, times === 1 ? stored("s2", NEW, "rejected") : console),
        specs,
      };
      const memory = memoryAfter(decideDeployment(edited));
      const back = stored(`b${times}`, targetOf(WITH_SECRET).config);
      const healthy = { ...showing({ ...edited, memory }, back), runs: seen([run(1)]) };
      const decision = decideDeployment(healthy);
      expect(decision.step).toMatchObject({ do: "none", outcome: { reason: "RolledBack" } });
      observation = later(healthy, decision);
    }
  });
});
