/**
 * Going back to the last healthy configuration (spec.rollback), told pass by pass: what the API shows next is set by
 * hand, what is remembered is what the pass before remembered.
 */
import { describe, expect, it } from "vitest";
import type { StoredSpec } from "../../../src/kinds/deployment/api.ts";
import { decide } from "../../../src/kinds/deployment/decide.ts";
import {
  ASK,
  type Choice,
  type DeploymentMemory,
  type DeploymentView,
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
  run,
  SECOND,
  said,
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
function later(view: DeploymentView, { memory }: Choice, more: Partial<DeploymentView> = {}): DeploymentView {
  return { ...view, memory, ...more };
}

/** What perform remembers of an upsert that was decided on. */
function memoryAfter(choice: Choice): DeploymentMemory {
  const { step, memory } = choice;
  if (step.do !== "deploy") throw new Error(`${step.do} instead of deploy`);
  return { ...memory, history: pushed(memory.history, entryOf(step, 2, NOW)) };
}

function showing(view: DeploymentView, latest: StoredSpec | null): DeploymentView {
  if (view.sighting.state !== "present") throw new Error("it is there");
  return {
    ...view,
    sighting: { state: "present", deployment: { ...view.sighting.deployment, latestSpec: latest } },
  };
}

/** From the failure until the good configuration is sent again. */
function goneBack(failed: DeploymentView = rejected()) {
  const view = later(failed, decide(failed), { specs: SPECS });
  const choice = decide(view);
  return { view: { ...view, memory: memoryAfter(choice) }, choice };
}

/** From there until the good one is healthy again, as s3. */
function settled(failed?: DeploymentView) {
  const { view } = goneBack(failed);
  const shown = { ...showing(view, stored("s3", GOOD)), runs: seen([run(1)]) };
  const choice = decide(shown);
  return { view: later(shown, choice), choice };
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
  ])("because it is %s is gone back on, at once and with the reason", (_why, view, outcome, words) => {
    const choice = decide(view);
    expect(outcomeOf(choice)).toMatchObject({ kind: "Wait", reason: "RolledBack", afterMs: 0 });
    expect(choice.memory).toMatchObject({
      history: [{ outcome, message: expect.stringContaining(words) }, { specId: "s1" }],
      rolledBack: { to: "s1", hash: targetOf(NEW).hash, at: ago(0) },
    });
  });

  it("is not gone back on a moment before the deadline", () => {
    expect(chosen(late())).toBe("Wait/RolledBack");
    const early = rolling(stored("s2", NEW, "applied"), { ageMs: DEADLINE_MS - SECOND });
    expect(chosen(early)).toBe("Wait/Progressing");
  });

  it("fetches the configuration that was well from Paperspace, and sends it as a new one", () => {
    const failed = rejected();
    const view = later(failed, decide(failed));
    expect(decide(view).asks).toEqual([ASK.specs]);
    expect(deployed(decide({ ...view, specs: SPECS }))).toMatchObject({
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
    expect(deployed(goneBack(failed).choice)?.git).toEqual(git);
  });

  it("says afterwards that it runs, that it is not what is declared, and when that is tried again", () => {
    const { view } = settled();
    expect(said(view)).toMatchObject({
      ready: "False",
      reason: "RolledBack",
      healthy: "True",
      progress: "Stalled",
    });
    expect(messageOf(decide(view))).toContain("tried again when its spec changes");
  });

  it("stays with what runs, pass after pass: what failed is not tried again by itself", () => {
    const { view, choice } = settled();
    expect(choice.memory.history).toMatchObject([
      { specId: "s3", rollback: true, outcome: "Healthy" },
      { specId: "s2", outcome: "Failed" },
      { specId: "s1", outcome: "Healthy" },
    ]);
    expect(decide(view)).toEqual(choice);
    expect(chosen({ ...view, now: NOW + 48 * 60 * MINUTE })).toBe("Terminal/RolledBack");
  });

  it("is not misled by what is read right after going back: the failed one still shows", () => {
    const { view } = goneBack();
    expect(chosen(view)).toBe("Wait/Deploying");
  });
});

describe("where there is no going back", () => {
  it("because nothing was ever healthy, the failure is told with that", () => {
    const choice = decide(rejected({ history: [sent(NEW, { specId: "s2", ageMs: MINUTE })] }));
    expect(outcomeOf(choice)).toMatchObject({ kind: "Terminal", reason: "ConfigurationRejected" });
    expect(messageOf(choice)).toContain("no healthy configuration to go back to");
    expect(choice.memory.rolledBack).toBeUndefined();
  });

  it("because only the same configuration was healthy, it is not sent again", () => {
    const same = sent(NEW, { specId: "s1", outcome: "Healthy" });
    const view = rejected({ history: [sent(NEW, { specId: "s2", ageMs: MINUTE }), same] });
    expect(chosen(view)).toBe("Terminal/ConfigurationRejected");
  });

  it.each(["Failed", "TimedOut", "Superseded", "Disabled", "Progressing"] as const)(
    "because the one before was %s, and that is none to go back to",
    (outcome) => {
      const before = sent(GOOD, { specId: "s1", outcome });
      const view = rejected({ history: [sent(NEW, { specId: "s2", ageMs: MINUTE }), before] });
      expect(chosen(view)).toBe("Terminal/ConfigurationRejected");
    },
  );

  it("because Paperspace has forgotten it, what is shown stays, and people are told", () => {
    const failed = rejected();
    const view = later(failed, decide(failed), { specs: [stored("s2", NEW, "rejected")] });
    const choice = decide(view);
    expect(outcomeOf(choice)).toMatchObject({ kind: "Terminal", reason: "RollbackFailed" });
    expect(messageOf(choice)).toContain("spec s1");
  });

  it("because Paperspace has forgotten it, what is declared may still come about, late", () => {
    const failed = late();
    const view = later(failed, decide(failed), { specs: [stored("s2", NEW, "applied")] });
    expect(chosen(view)).toBe("Terminal/RollbackFailed");
    const healthy = { ...showing(view, stored("s2", NEW)), runs: seen([run(0)], MINUTE) };
    expect(decide(healthy)).toMatchObject({
      step: { outcome: { reason: "RollbackFailed" } },
      asks: [ASK.runs],
    });
    expect(chosen({ ...healthy, runs: seen([run(1)]) })).toBe("Done/Available");
  });

  it("because its configuration cannot be read any more, the same is told", () => {
    const failed = rejected();
    const specs = [{ ...stored("s1", GOOD), data: null }];
    expect(chosen(later(failed, decide(failed), { specs }))).toBe("Terminal/RollbackFailed");
  });

  it("because spec.rollback is None, the failure is told and nothing is sent", () => {
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
    const view = invalid();
    const choice = decide(view);
    expect(outcomeOf(choice)).toMatchObject({ kind: "Wait", reason: "RolledBack" });
    expect(deployed(decide(later(view, choice, { specs: [stored("s1", GOOD)] })))).toMatchObject({
      image: GOOD.image,
      rollback: true,
    });
  });

  it("is only told under rollback None", () => {
    expect(chosen(invalid(NEW))).toBe("Terminal/ConfigurationRejected");
  });
});

describe("a rollback that fails itself", () => {
  it.each([
    ["rejected", stored("s3", GOOD, "rejected"), 0],
    ["late", stored("s3", GOOD, "applied"), DEADLINE_MS],
  ])("because it is %s is told with both reasons, and nothing more is sent", (_how, latest, laterMs) => {
    const { view } = goneBack();
    const choice = decide({ ...showing(view, latest), now: NOW + laterMs });
    expect(outcomeOf(choice)).toMatchObject({ kind: "Terminal", reason: "RollbackFailed" });
    expect(messageOf(choice)).toContain("no such machine type");
    expect(messageOf(choice)).toContain("Going back to spec s1 failed, too");
  });

  it("mends itself where it comes about late", () => {
    const { view } = goneBack();
    const now = NOW + DEADLINE_MS;
    const stuck = { ...showing(view, stored("s3", GOOD, "applied")), now };
    const healthy = { ...showing(later(stuck, decide(stuck)), stored("s3", GOOD)), runs: seen([run(1)]) };
    expect(chosen(healthy)).toBe("Terminal/RolledBack");
  });
});

describe("what failed", () => {
  it("is tried again only as another configuration", () => {
    const { view } = settled();
    const labelled = { ...view, spec: { ...BACK, progressDeadlineSeconds: 1800 }, generation: 3 };
    expect(chosen(labelled)).toBe("Terminal/RolledBack");
    const mended: DeploymentSpec = { ...BACK, image: "ghcr.io/acme/model:3" };
    const choice = decide({ ...view, spec: mended, wanted: targetOf(mended) });
    expect(deployed(choice)).toMatchObject({ image: mended.image, replaces: "s3", rollback: false });
    expect(choice.memory.rolledBack).toBeUndefined();
  });

  it("is over where the spec goes back to the good one: that runs already, and nothing is sent", () => {
    const { view } = settled();
    const reverted: DeploymentSpec = { ...GOOD, rollback: "OnFailure" };
    const choice = decide({ ...view, spec: reverted, wanted: targetOf(reverted) });
    expect(outcomeOf(choice)).toMatchObject({ kind: "Done", reason: "Available" });
    expect(choice.memory.rolledBack).toBeUndefined();
  });

  it("is over as well where the spec is reverted before the good one was sent again", () => {
    const failed = rejected();
    const view = later(failed, decide(failed), { specs: SPECS });
    const reverted: DeploymentSpec = { ...GOOD, rollback: "OnFailure" };
    const choice = decide({ ...view, spec: reverted, wanted: targetOf(reverted) });
    expect(deployed(choice)).toMatchObject({ image: GOOD.image, rollback: false });
  });

  it("is sent again where rollback is switched off: that is what the spec asks for now", () => {
    const { view } = settled();
    const choice = decide({ ...view, spec: NEW });
    expect(deployed(choice)).toMatchObject({ image: NEW.image, rollback: false });
  });

  it("is not sent again by a rename, and what runs gets the name", () => {
    const { view } = settled();
    const renamed = { ...view, name: "api", wanted: targetOf(BACK, "api"), siblings: { ids: [], ageMs: 0 } };
    const choice = decide({ ...renamed, specs: [stored("s3", GOOD), ...SPECS] });
    expect(deployed(choice)).toMatchObject({ image: GOOD.image, name: "api", rollback: true });
  });
});

describe("while rolled back", () => {
  it("what somebody changes in the console is put back to the good one, not to the failed one", () => {
    const { view } = settled();
    const edited = showing(view, stored("s8", { ...GOOD, replicas: 4 }));
    expect(deployed(decide({ ...edited, specs: SPECS }))).toMatchObject({
      image: GOOD.image,
      rollback: true,
      changes: [{ field: "replicas", from: 4, to: 1 }],
    });
  });

  it("instances that fail are told like those of any other", () => {
    const { view } = settled();
    expect(chosen({ ...view, runs: seen([run(0)]) })).toBe("Wait/Degraded");
  });

  it("a missing Secret is told, and what runs is left alone", () => {
    const { view } = settled();
    const wanted = { state: "missing", reason: "SecretNotFound", message: "make it" } as const;
    const choice = decide({ ...view, wanted });
    expect(outcomeOf(choice)).toMatchObject({ kind: "Terminal", reason: "SecretNotFound" });
    expect(choice.memory.rolledBack).toBeDefined();
  });

  it("another failure goes back to the newest that was healthy, which is the one that runs", () => {
    const { view } = settled();
    const third: DeploymentSpec = { ...BACK, image: "ghcr.io/acme/model:3" };
    const next = { ...view, spec: third, wanted: targetOf(third) };
    const sentAgain = { ...next, memory: memoryAfter(decide(next)) };
    const choice = decide(showing(sentAgain, stored("s4", third, "rejected")));
    expect(choice.memory.rolledBack).toMatchObject({ to: "s3", hash: targetOf(third).hash });
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
    const view = later(failed(), decide(failed()), { specs });
    const { step } = decide(view);
    expect(step).toMatchObject({ do: "deploy", target: { config: { env: [{ name: "TOKEN" }] } } });
  });

  it("are kept while it runs, however often it had to be put back", () => {
    const start = later(failed(), decide(failed()), { specs });
    let view = start;
    for (let times = 1; times <= 24; times++) {
      const console = stored(`x${times}`, { ...GOOD, replicas: 4 });
      const edited = { ...showing(view, times === 1 ? stored("s2", NEW, "rejected") : console), specs };
      const memory = memoryAfter(decide(edited));
      const back = stored(`b${times}`, targetOf(WITH_SECRET).config);
      const healthy = { ...showing({ ...edited, memory }, back), runs: seen([run(1)]) };
      const choice = decide(healthy);
      expect(choice.step).toMatchObject({ do: "rest", outcome: { reason: "RolledBack" } });
      view = later(healthy, choice);
    }
  });
});
