import { describe, expect, it } from "vitest";
import { configured, EVERYTHING } from "../../../test/decide/deployment/config.ts";
import {
  ago,
  beginning,
  chosen,
  FOREIGN,
  GOOD,
  MINUTE,
  NEW,
  type Particulars,
  sent,
  situation,
  stored,
  targetOf,
} from "../../../test/decide/deployment/situations.ts";
import { EXTERNAL_CHANGE } from "../../reconcile/decision.ts";
import { driftOf, planOf } from "./plan.ts";
import { REASON } from "./reasons.ts";

const plan = (given: Particulars = {}) => planOf(situation(given));
const SENT_GOOD = [sent(GOOD, { specId: "s1", outcome: "Healthy" })];
/** NEW is declared, and GOOD is what runs. */
const CHANGED: Particulars = { spec: NEW, latest: stored("s1", GOOD), history: SENT_GOOD };
const GONE = { resource: { state: "absent", certain: true } } as const;

describe("planOf", () => {
  it("is empty where nothing would be done, so that silence means it", () => {
    expect(plan()).toEqual([]);
    expect(plan({ resource: { state: "unknown" } })).toEqual([]);
    expect(plan({ spec: NEW, resource: { state: "absent", certain: false } })).toEqual([]);
  });

  it("names what would be sent and from what to what, in the words of the spec", () => {
    expect(plan(CHANGED)).toEqual([
      { action: "Deploy", field: "image", from: JSON.stringify(GOOD.image), to: JSON.stringify(NEW.image) },
    ]);
    expect(plan({ ...CHANGED, spec: { ...GOOD, command: ["serve"], region: "ca1" } })).toEqual([
      { action: "Deploy", field: "command", to: '"(not shown)"' },
      { action: "Deploy", field: "region", to: '"ca1"' },
    ]);
  });

  it("names what another actor has added, which would be removed", () => {
    const latest = stored("x", { ...configured(), containerRegistry: "theirs" });
    expect(plan({ latest })).toEqual([{ action: "Deploy", field: "containerRegistry", from: '"theirs"' }]);
  });

  it("does not name what Paperspace is known to fill in: it would stay", () => {
    const data = { ...configured(), containerRegistry: "filled" };
    const history = [sent(GOOD, { specId: "s1", outcome: "Healthy", filled: ["containerRegistry"] })];
    expect(plan({ latest: stored("s1", data), history })).toEqual([]);
  });

  it("agrees with what is decided, also where only an older spec of ours had something filled in", () => {
    const data = { ...configured(), containerRegistry: "added" };
    const filled = sent(FOREIGN, { specId: "s0", outcome: "Healthy", filled: ["containerRegistry"] });
    const given = { latest: stored("s1", data), history: [...SENT_GOOD, filled] };
    expect(chosen(situation(given))).toBe("deploy");
    expect(plan(given)).toHaveLength(1);
  });

  it("shows a create with all that it would be made of", () => {
    const made = planOf(beginning({ spec: { ...GOOD, ...EVERYTHING } }));
    expect(made[0]).toEqual({ action: "Create" });
    expect(made.slice(1).map(({ field }) => field)).toEqual([
      ...targetOf({ ...GOOD, ...EVERYTHING }).leaves.keys(),
    ]);
    expect(new Set(made.map(({ action }) => action))).toEqual(new Set(["Create"]));
  });

  it("holds no value that may be secret: every reader of the object sees the plan", () => {
    const SECRET = "hunter2";
    const withSecrets = {
      ...GOOD,
      command: [SECRET],
      env: [{ name: "A", value: SECRET }],
      healthChecks: { liveness: { path: "/", headers: [{ name: "H", value: SECRET }] } },
      integrations: [{ type: "s3", name: "d", url: `s3://${SECRET}/x`, accessKeyId: SECRET }] as never,
    };
    const plans = [
      planOf(beginning({ spec: withSecrets })),
      plan({ spec: withSecrets, latest: stored("s1", GOOD) }),
      plan({ latest: stored("s1", { ...targetOf(withSecrets).config, basicAuthKey: SECRET }) }),
    ];
    for (const one of plans) {
      expect(one.length).toBeGreaterThan(5);
      expect(JSON.stringify(one)).not.toContain(SECRET);
    }
  });

  it("makes a deployment again that is gone only where that is declared", () => {
    expect(plan(GONE)).toEqual([]);
    const again = plan({ ...GONE, spec: { ...GOOD, onExternalDeletion: "Recreate" } });
    expect(again[0]).toEqual({ action: "Create" });
    expect(again.length).toBeGreaterThan(3);
  });

  it("reports that a deletion deletes, and that nothing is deleted where nothing is owned, kept or left", () => {
    expect(plan({ deleting: true })).toEqual([{ action: "Delete" }]);
    expect(plan({ deleting: true, deletionPolicy: "Orphan" })).toEqual([]);
    expect(plan({ deleting: true, identity: { state: "none" } })).toEqual([]);
    expect(plan({ deleting: true, ...GONE })).toEqual([]);
  });

  it("plans nothing where the ownership is in conflict: nothing would be done", () => {
    const identity = { state: "conflict", message: "a copy" } as const;
    for (const deleting of [false, true]) expect(plan({ ...CHANGED, identity, deleting })).toEqual([]);
  });

  it("plans nothing on half a configuration: a missing Secret would read like an empty value", () => {
    expect(plan({ ...CHANGED, desired: { state: "unknown" } })).toEqual([]);
    const missing = { state: "missing", reason: REASON.SecretNotFound, message: "no Secret" } as const;
    expect(plan({ ...CHANGED, desired: missing })).toEqual([]);
  });

  it("plans nothing that would only be waited for, or that would stall", () => {
    const history = [sent(NEW, { replaces: "s1", ageMs: 0 }), ...SENT_GOOD];
    expect(plan({ ...CHANGED, history })).toEqual([]);
    const taken = { siblings: { ids: ["d9"], ageMs: 0 } };
    expect(planOf(beginning(taken))).toEqual([]);
    expect(plan({ ...taken, name: "api", deployment: { name: "web" }, latest: stored("s1", GOOD) })).toEqual(
      [],
    );
    const blocked = { reason: REASON.ProjectNotFound, message: "no such project", dueInMs: MINUTE };
    expect(planOf(beginning({ blocked }))).toEqual([]);
    const operation = { intent: "Delete", requestedAt: ago(MINUTE), deadline: ago(-MINUTE) };
    expect(plan({ deleting: true, memory: { operation } })).toEqual([]);
    expect(plan({ ...CHANGED, account: { state: "invalid", message: "no key" } })).toEqual([]);
  });

  it("plans an upsert where what is stored cannot be read, though what that would change is unknown", () => {
    const latest = { ...stored("x", GOOD), data: { apiVersion: "v7" } };
    expect(chosen(situation({ latest }))).toBe("deploy");
    expect(plan({ latest })).toEqual([{ action: "Deploy" }]);
  });

  it("shows what an adoption would change before it is done: that is what dry-run is for", () => {
    const identity = { state: "adopt", id: "d1" } as const;
    expect(plan({ ...CHANGED, identity, history: [] })).toMatchObject([{ action: "Deploy", field: "image" }]);
  });
});

describe("planOf after going back to the last healthy configuration", () => {
  const back: Particulars = {
    spec: { ...NEW, rollback: "OnFailure" },
    latest: stored("s3", GOOD),
    history: [
      sent(GOOD, { specId: "s3", rollback: true, outcome: "Healthy" }),
      sent(NEW, { specId: "s2", outcome: "Failed", ageMs: 5 * MINUTE }),
    ],
    memory: { rolledBack: { hash: targetOf(NEW).hash, to: "s1", message: "no", at: ago(MINUTE) } },
  };

  it("does not plan to send again what has failed: that waits for another spec", () => {
    expect(plan(back)).toEqual([]);
  });

  it("plans again once the spec has changed, or no rollback is requested any more", () => {
    expect(plan({ ...back, spec: { ...FOREIGN, rollback: "OnFailure" } })).toHaveLength(1);
    expect(plan({ ...back, spec: NEW })).toHaveLength(1);
    expect(plan({ ...back, memory: {} })).toHaveLength(1);
  });

  it("puts the healthy one back where that was edited or the name is another, once its configuration has been read", () => {
    const edited: Particulars = { ...back, latest: stored("x", FOREIGN) };
    expect(plan(edited)).toEqual([]);
    const specs = [stored("s1", GOOD)];
    expect(plan({ ...edited, specs })).toEqual([
      {
        action: "Deploy",
        field: "image",
        from: JSON.stringify(FOREIGN.image),
        to: JSON.stringify(GOOD.image),
      },
    ]);
    const name = { ...back, name: "new", deployment: { name: "web" }, latest: stored("s3", GOOD), specs };
    expect(plan(name)).toEqual([{ action: "Deploy", field: "name", from: '"web"', to: '"new"' }]);
  });

  it("is planned as soon as a rollout has failed, and only then", () => {
    const failed = {
      ...back,
      latest: stored("s2", NEW, "rejected"),
      specs: [stored("s1", GOOD)],
      memory: {},
    };
    const history = [
      sent(NEW, { specId: "s2", replaces: "s1" }),
      sent(GOOD, { specId: "s1", outcome: "Healthy" }),
    ];
    expect(plan({ ...failed, history })).toMatchObject([{ action: "Deploy", field: "image" }]);
    expect(plan({ ...failed, history, spec: NEW })).toEqual([]);
  });

  it("still reports that the spec is not what runs: that is no plan, but true", () => {
    expect(driftOf(situation(back)).map(({ field }) => field)).toEqual(["image"]);
  });
});

describe("driftOf", () => {
  const fields = (given: Particulars) => driftOf(situation(given)).map(({ field }) => field);

  it("sees a rename by the deployment's own name as well: a configuration may not contain it", () => {
    expect(fields({ name: "new", latest: stored("s1", GOOD), deployment: { name: "web" } })).toEqual([
      "name",
    ]);
    expect(fields({ deployment: { name: "old" } })).toEqual(["name"]);
    expect(driftOf(situation({ deployment: { name: "old" } }))).toEqual([
      { field: "name", from: "old", to: "web" },
    ]);
  });

  it("of what cannot be read reports only what can be observed, and of nothing at all that everything is missing", () => {
    const unreadable = { ...stored("s1", GOOD), data: { apiVersion: "v7" } };
    expect(fields({ latest: unreadable })).toEqual([]);
    expect(fields({ latest: unreadable, deployment: { name: "old" } })).toEqual(["name"]);
    expect(fields({ latest: null })).toEqual([...targetOf(GOOD).leaves.keys()]);
  });

  it("is not empty where a configuration that cannot be read is sent again, as the plan and the pass have it", () => {
    const latest = { ...stored("s9", GOOD), data: { apiVersion: "v7" } };
    const given = { latest, history: SENT_GOOD };
    expect(chosen(situation(given))).toBe("deploy");
    expect(plan(given)).toEqual([{ action: "Deploy" }]);
    expect(fields(given)).toEqual(["the configuration"]);
    // Our own is recognised by its id: it is not sent again.
    const own = { latest: { ...latest, id: "s1" }, history: SENT_GOOD };
    expect(chosen(situation(own))).not.toBe("deploy");
    expect([plan(own), fields(own)]).toEqual([[], []]);
  });

  it("is nothing while the deployment or the configuration is not known", () => {
    expect(fields({ spec: NEW, resource: { state: "unknown" } })).toEqual([]);
    expect(fields({ ...CHANGED, desired: { state: "unknown" } })).toEqual([]);
    const memory = { operation: { intent: EXTERNAL_CHANGE, requestedAt: ago(0), deadline: ago(0) } };
    expect(fields({ memory })).toEqual([]);
  });
});
