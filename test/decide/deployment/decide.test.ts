/** What is done about one deployment, case by case. Every combination is the laws' matter (decide-laws.test.ts). */
import { describe, expect, it } from "vitest";
import type { StoredSpec } from "../../../src/kinds/deployment/api.ts";
import { decideDeployment } from "../../../src/kinds/deployment/decide.ts";
import { type DeploymentObservation, FACT } from "../../../src/kinds/deployment/observation.ts";
import type { DeploymentSpec } from "../../../src/kinds/deployment/types.ts";
import {
  ATTEMPT,
  ago,
  beginning,
  chosen,
  DEADLINE_MS,
  deployed,
  FOREIGN,
  GOOD,
  ID,
  MINUTE,
  messageOf,
  NEW,
  OFF,
  outcomeOf,
  type Particulars,
  run,
  SECOND,
  secretName,
  seen,
  sent,
  situation,
  stored,
  UID,
  WITH_SECRET,
} from "./situations.ts";

const TROUBLE = { kind: "Retry", reason: "ApiUnavailable", message: "503" } as const;
const ABSENT = { state: "absent", certain: true } as const;
const TOKEN = secretName("hub", "token");

describe("a deployment that is healthy", () => {
  it("is left alone, and its runs are not requested: a fleet at rest costs lists only", () => {
    const { step, needs } = decideDeployment(situation({ runs: undefined }));
    expect(step).toMatchObject({ do: "none", outcome: { kind: "Done", reason: "Available" } });
    expect(needs).toBeUndefined();
  });

  it("gets the same memory back, so that no status is written", () => {
    const observation = situation();
    expect(decideDeployment(observation).memory).toEqual(observation.memory);
  });

  it("is Done as well where it is off as declared", () => {
    const off = { spec: OFF, history: [sent(OFF, { specId: "s1", outcome: "Disabled" })], runs: seen([]) };
    expect(chosen(situation(off))).toBe("Done/Disabled");
  });
});

describe("a creation", () => {
  it("comes once the list of the project is fresh and has none of the name: an upsert would change that one", () => {
    expect(chosen(beginning())).toBe("create");
  });

  it.each([
    ["never seen", undefined],
    ["old", { ids: [], ageMs: MINUTE }],
  ])("requests the list first where it is %s", (_how, siblings) => {
    const { step, needs } = decideDeployment(beginning({ siblings }));
    expect(step).toMatchObject({ outcome: { kind: "Unknown" } });
    expect(needs).toEqual([FACT.siblings]);
  });

  it("reports why the list cannot be read, and goes on requesting it", () => {
    const decision = decideDeployment(
      beginning({ siblings: undefined, readErrors: { [FACT.siblings]: TROUBLE } }),
    );
    expect(outcomeOf(decision)).toEqual(TROUBLE);
    expect(decision.needs).toEqual([FACT.siblings]);
  });

  it("does not touch what has the name already, and shows the line that takes it over", () => {
    const decision = decideDeployment(beginning({ siblings: { ids: ["d9"], ageMs: 0 } }));
    expect(outcomeOf(decision)).toMatchObject({ kind: "Terminal", reason: "AlreadyExists" });
    expect(messageOf(decision)).toContain(`paperspace.com/adopt=d9@${UID}`);
  });

  it("believes an old list that has the name: it speaks against a create, not for one", () => {
    expect(chosen(beginning({ siblings: { ids: ["d9"], ageMs: 60 * MINUTE } }))).toBe(
      "Terminal/AlreadyExists",
    );
  });

  it("waits for another object that is making one of the name: both would get the same one", () => {
    const observation = beginning({ conflict: { owner: "default/other", owns: false } });
    expect(chosen(observation)).toBe("RequeueAfter/AlreadyExists");
  });

  it("stalls beside another object that has one of the name, and names that object", () => {
    const decision = decideDeployment(beginning({ conflict: { owner: "default/other", owns: true } }));
    expect(outcomeOf(decision)).toMatchObject({ kind: "Terminal", reason: "AlreadyExists" });
    expect(messageOf(decision)).toContain("default/other");
  });

  it("stalls where there is no such project, and lists it again when that is due: a 404 may pass by itself", () => {
    const blocked = { reason: "ProjectNotFound", message: "there is no project p-alpha", dueInMs: 60_000 };
    const decision = decideDeployment(beginning({ blocked, siblings: undefined }));
    expect(outcomeOf(decision)).toMatchObject({
      kind: "Terminal",
      reason: "ProjectNotFound",
      recheckMs: 60_000,
    });
    expect(decision.needs).toBeUndefined();
    const due = decideDeployment(beginning({ blocked: { ...blocked, dueInMs: 0 }, siblings: undefined }));
    expect(outcomeOf(due)).toMatchObject({ kind: "Terminal", reason: "ProjectNotFound" });
    expect(due.needs).toEqual([FACT.siblings]);
  });

  it("puts the secrets into the project before: the upsert names them, and values never stand in it", () => {
    const spec = WITH_SECRET;
    expect(decideDeployment(beginning({ spec })).needs).toEqual([FACT.projectSecrets]);
    expect(chosen(beginning({ spec, projectSecrets: [] }))).toBe(`putSecret/${TOKEN}`);
    expect(chosen(beginning({ spec, projectSecrets: [TOKEN] }))).toBe("create");
  });

  it("puts no secret where the name is taken: it would be left behind", () => {
    const observation = beginning({
      spec: WITH_SECRET,
      projectSecrets: [],
      siblings: { ids: ["d9"], ageMs: 0 },
    });
    expect(chosen(observation)).toBe("Terminal/AlreadyExists");
  });

  it("waits for what the spec refers to, and reports what is missing", () => {
    expect(chosen(beginning({ desired: { state: "unknown" } }))).toBe("Unknown");
    expect(chosen(beginning({ desired: { state: "unknown", readError: TROUBLE } }))).toBe(
      "Retry/ApiUnavailable",
    );
    const message = 'env.TOKEN: there is no Secret "hub"';
    const decision = decideDeployment(
      beginning({ desired: { state: "missing", reason: "SecretNotFound", message } }),
    );
    expect(outcomeOf(decision)).toMatchObject({ kind: "Terminal", reason: "SecretNotFound", message });
  });

  it("begins with nothing under way", () => {
    const operation = { intent: "Observe", requestedAt: ago(MINUTE), deadline: ago(0) };
    const { step, memory } = decideDeployment(beginning({ memory: { operation } }));
    expect(step.do).toBe("create");
    expect(memory.operation).toBeUndefined();
  });

  it("is not begun again while the outcome of the last one is open", () => {
    const resolution = { state: "open", message: "searching", lookAfterMs: 3_000 } as const;
    expect(chosen(beginning({ attempt: ATTEMPT, resolution }))).toBe("RequeueAfter/ResolvingCreate");
  });
});

describe("taking over one that exists", () => {
  const adopting = (more: Particulars = {}) =>
    situation({ identity: { state: "adopt", id: ID }, history: [], ...more });

  it("records it first and changes nothing with that", () => {
    expect(decideDeployment(adopting({ latest: stored("s1", FOREIGN) })).step).toEqual({
      do: "recordOwnership",
      id: ID,
    });
  });

  it("sends nothing where it is as declared already: what runs is taken for this object's own", () => {
    const { step, memory } = decideDeployment(situation({ history: [], latest: stored("s1", GOOD) }));
    expect(step).toMatchObject({ outcome: { kind: "Done", reason: "Available" } });
    expect(memory.history).toMatchObject([{ specId: "s1", outcome: "Healthy" }]);
  });

  it("replaces its configuration where that is another", () => {
    const decision = decideDeployment(situation({ spec: NEW, history: [], latest: stored("s1", FOREIGN) }));
    expect(deployed(decision)).toMatchObject({ image: NEW.image, replaces: "s1", rollback: false });
  });

  it("refuses one of another project, since no upsert moves it", () => {
    const decision = decideDeployment(adopting({ deployment: { projectId: "p-beta" } }));
    expect(outcomeOf(decision)).toMatchObject({ kind: "Terminal", reason: "AdoptMismatch" });
    expect(messageOf(decision)).toContain("p-beta");
  });

  it("stalls where there is none of that id, and waits where it cannot be read", () => {
    expect(chosen(adopting({ resource: ABSENT }))).toBe("Terminal/AdoptNotFound");
    expect(chosen(adopting({ resource: { state: "unknown" } }))).toBe("Unknown");
    expect(chosen(adopting({ readError: TROUBLE }))).toBe("Retry/ApiUnavailable");
  });

  it("leaves alone what another object owns", () => {
    expect(chosen(adopting({ ownedBy: "default/other" }))).toBe("Terminal/AlreadyOwned");
  });
});

describe("a changed spec", () => {
  const changed = (more: Particulars = {}) =>
    situation({
      spec: NEW,
      history: [sent(GOOD, { specId: "s1", outcome: "Healthy" })],
      latest: stored("s1", GOOD),
      ...more,
    });
  const underWay = (more: Particulars = {}, ageMs = 5 * SECOND) =>
    changed({
      history: [
        sent(NEW, { replaces: "s1", ageMs }),
        sent(GOOD, { specId: "s1", outcome: "Healthy", ageMs: 60 * MINUTE }),
      ],
      ...more,
    });

  it("is sent whole, with what it replaces", () => {
    const { changes, ...step } = deployed(decideDeployment(changed())) ?? {};
    expect(step).toEqual({ image: NEW.image, name: "web", replaces: "s1", rollback: false, git: undefined });
    expect(changes).toEqual([{ field: "image", from: GOOD.image, to: NEW.image }]);
  });

  it("is not sent again while the one before it is still read, though that is healthy", () => {
    expect(chosen(underWay())).toBe("RequeueAfter/Deploying");
  });

  it("is not taken for rolled out where an older one of the same content is read once more", () => {
    const history = [
      sent(GOOD, { replaces: "s2", ageMs: 5 * SECOND }),
      sent(NEW, { specId: "s2", replaces: "s1", outcome: "Healthy" }),
      sent(GOOD, { specId: "s1", outcome: "Healthy" }),
    ];
    expect(chosen(situation({ history, latest: stored("s1", GOOD) }))).toBe("RequeueAfter/Deploying");
  });

  it("is sent again once that has lasted and the history has nothing of it: the upsert was lost", () => {
    const unread = underWay({}, MINUTE);
    expect(decideDeployment(unread).needs).toEqual([FACT.specs]);
    const replaced = stored("s1", GOOD);
    const read = (specs: readonly StoredSpec[], specsAgeMs = 0) => chosen({ ...unread, specs, specsAgeMs });
    expect(read([replaced])).toBe("deploy");
    // It is there, and reads lag behind.
    expect(read([stored("s2", NEW), replaced])).toBe("RequeueAfter/Deploying");
    // Read before it must have been there.
    expect(read([replaced], 40 * SECOND)).toBe("Unknown");
    expect(chosen(underWay({}, 4 * MINUTE))).toBe("deploy");
  });

  it("is not sent again while reads may lag behind an upsert that was answered: it is there", () => {
    const head = { replaces: "s1", answeredAt: ago(MINUTE) };
    const history = [sent(NEW, head), sent(GOOD, { specId: "s1", outcome: "Healthy", ageMs: 60 * MINUTE })];
    expect(chosen(changed({ history }))).toBe("RequeueAfter/Deploying");
    const lost = { ...head, answeredAt: ago(4 * MINUTE) };
    const old = stored("s1", GOOD);
    const late = changed({ history: [sent(NEW, lost), ...history.slice(1)], specs: [old], specsAgeMs: 0 });
    expect(chosen(late)).toBe("deploy");
  });

  it("waits for its rollout, then for a fresh read of its instances", () => {
    const latest = stored("s2", NEW);
    expect(chosen(underWay({ latest: stored("s2", NEW, "pending") }))).toBe("RequeueAfter/Pending");
    expect(chosen(underWay({ latest: stored("s2", NEW, "applied") }))).toBe("RequeueAfter/Progressing");
    expect(decideDeployment(underWay({ latest, runs: undefined })).needs).toEqual([FACT.runs]);
    expect(decideDeployment(underWay({ latest, runs: seen([run(1)], MINUTE) })).needs).toEqual([FACT.runs]);
    expect(chosen(underWay({ latest, runs: seen([run(1)]) }))).toBe("Done/Available");
  });

  it("is not called late on instances that were counted before: they may have come up since", () => {
    const late = (runs: DeploymentObservation["runs"]) =>
      decideDeployment(underWay({ latest: stored("s2", NEW), runs }, DEADLINE_MS));
    expect(late(seen([run(0)], MINUTE))).toMatchObject({
      step: { outcome: { kind: "Unknown" } },
      needs: [FACT.runs],
    });
    expect(late(seen([run(0)])).step).toMatchObject({ outcome: { reason: "ProgressDeadlineExceeded" } });
    expect(late(seen([run(1)])).step).toMatchObject({ outcome: { reason: "Available" } });
  });

  it("supersedes one that was still under way", () => {
    const third = { ...SPEC_3 };
    const decision = decideDeployment(underWay({ spec: third, latest: stored("s2", NEW, "applied") }));
    expect(deployed(decision)).toMatchObject({ image: third.image, replaces: "s2" });
  });

  it("carries where it comes from", () => {
    const git = { host: "github", actor: "ada", owner: "acme", repo: "model", ref: "main", sha: "abc" };
    expect(deployed(decideDeployment(changed({ spec: { ...NEW, git } as DeploymentSpec })))?.git).toEqual(
      git,
    );
  });

  it("is no other one where only its origin differs", () => {
    const git = { host: "github", actor: "ada", owner: "acme", repo: "model", ref: "main", sha: "abc" };
    expect(chosen(situation({ spec: { ...GOOD, git } as DeploymentSpec }))).toBe("Done/Available");
  });

  it("waits for its secrets, and leaves what runs alone until all are there", () => {
    const spec = { ...WITH_SECRET, image: NEW.image };
    expect(decideDeployment(changed({ spec })).needs).toEqual([FACT.projectSecrets]);
    expect(chosen(changed({ spec, projectSecrets: ["other"] }))).toBe(`putSecret/${TOKEN}`);
    expect(chosen(changed({ spec, projectSecrets: [TOKEN] }))).toBe("deploy");
  });

  it.each([
    ["is missing", { state: "missing", reason: "ConfigMapNotFound", message: "make it" }, "Terminal"],
    ["is not read yet", { state: "unknown" }, "Unknown"],
    ["cannot be read", { state: "unknown", readError: TROUBLE }, "Retry"],
  ] as const)("changes nothing while what it refers to %s", (_how, desired, kind) => {
    expect(outcomeOf(decideDeployment(changed({ desired })))).toMatchObject({ kind });
  });

  it("is reported as rejected where Paperspace shows no configuration at all after it", () => {
    const decision = decideDeployment(underWay({ latest: null }, MINUTE));
    expect(outcomeOf(decision)).toMatchObject({ kind: "Terminal", reason: "ConfigurationRejected" });
    expect(decision.memory.history[0]).toMatchObject({ outcome: "Failed" });
  });
});

const SPEC_3: DeploymentSpec = { ...NEW, image: "ghcr.io/acme/model:3" };

describe("what another actor changed in the console", () => {
  const edited = stored("s9", { ...GOOD, replicas: 3 });

  it("is put back, and the change is named", () => {
    const decision = decideDeployment(situation({ latest: edited }));
    expect(deployed(decision)).toMatchObject({
      replaces: "s9",
      changes: [{ field: "replicas", from: 3, to: 1 }],
    });
  });

  it("is put back at once even if our own configuration was not seen yet: it is newer than ours", () => {
    const history = [sent(GOOD, { ageMs: 5 * SECOND, replaces: "s1" })];
    expect(chosen(situation({ history, latest: edited }))).toBe("deploy");
  });

  it("is nothing to put back where it means the same", () => {
    expect(chosen(situation({ latest: stored("s9", GOOD) }))).toBe("Done/Available");
  });
});

describe("a name", () => {
  const renamed = (more: Particulars = {}) =>
    situation({ name: "api", deployment: { name: "web" }, latest: stored("s1", GOOD), ...more });

  it("that is free is taken by an upsert of the same deployment", () => {
    const decision = decideDeployment(renamed({ siblings: { ids: [], ageMs: 0 } }));
    expect(deployed(decision)).toMatchObject({ name: "api", changes: [{ field: "name", to: "api" }] });
  });

  it("is looked up before: the upsert could hit another deployment", () => {
    expect(decideDeployment(renamed()).needs).toEqual([FACT.siblings]);
  });

  it("that another deployment has is not taken, and what runs stays as it is", () => {
    const decision = decideDeployment(renamed({ siblings: { ids: ["d9"], ageMs: 0 } }));
    expect(outcomeOf(decision)).toMatchObject({ kind: "Terminal", reason: "AlreadyExists" });
    expect(messageOf(decision)).toContain("d9");
  });

  it("that only the list has already given to this very deployment is free", () => {
    expect(chosen(renamed({ siblings: { ids: [ID], ageMs: 0 } }))).toBe("deploy");
  });

  it("is waited for after it was sent, since the old one is read for a while", () => {
    const history = [sent(GOOD, { ageMs: 5 * SECOND, replaces: "s1" })];
    expect(chosen(renamed({ history, siblings: { ids: [], ageMs: 0 } }))).toBe("RequeueAfter/Deploying");
  });
});
