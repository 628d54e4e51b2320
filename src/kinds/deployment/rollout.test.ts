import fc from "fast-check";
import { Value } from "typebox/value";
import { describe, expect, it } from "vitest";
import {
  GOOD,
  MINUTE,
  NEW,
  NOW,
  OFF,
  run,
  SECOND,
  sent,
  stored,
  targetOf,
} from "../../../test/decide/deployment/situations.ts";
import { toTime } from "../../kube/objects.ts";
import type { Instance, Run, StoredSpec } from "./api.ts";
import {
  assessedFirst,
  concluded,
  isBad,
  isOfTemplate,
  isProven,
  progress,
  pushed,
  rolloutTimes,
  runWords,
  sentOf,
  specIdsOf,
} from "./rollout.ts";
import { deploymentStatusSchema, OUTCOMES } from "./status-schema.ts";
import type { DeploymentSpec, Rollout } from "./types.ts";

function judged(spec: StoredSpec, runs?: readonly Run[], wasHealthy = false, of: DeploymentSpec = NEW) {
  return progress(spec, targetOf(of), runs, { wasHealthy });
}

const bad: Instance = { id: "i1", state: "errored", message: "no image" };

describe("progress, by the rules of the official deploy action", () => {
  it("is pending until the cluster has taken it, whatever the runs of the spec before it report", () => {
    expect(judged(stored("s", NEW, "pending"), [run(1)])).toEqual({ state: "pending" });
    expect(judged(stored("s", OFF, "pending"), [], false, OFF)).toEqual({ state: "pending" });
  });

  it("takes what is not shown for neither yes nor no: what is healthy was applied, and what was once seen is not undone", () => {
    const { externalApplied: _applied, ...healthy } = stored("s", NEW);
    expect(judged(healthy, [run(1)]).state).toBe("healthy");
    const { dtHealthy: _marked, ...bare } = healthy;
    expect(judged(bare, [run(1)])).toEqual({ state: "pending", isUnshown: true, run: run(1) });
    expect(judged(bare, [run(1)], true).state).toBe("healthy");
    expect(judged(stored("s", NEW, "pending"), [run(1)], true).state).toBe("healthy");
    const { externalApplied: _off, ...off } = stored("s", OFF, "pending");
    expect(judged(off, [], false, OFF).state).toBe("disabled");
    expect(judged(off, [run(1)], false, OFF).state).toBe("disabling");
  });

  it("is rejected by an error before that, and only before: later ones are about single instances", () => {
    expect(judged(stored("s", NEW, "rejected"))).toEqual({
      state: "rejected",
      message: "no such machine type",
    });
    expect(judged(stored("s", NEW, "applied, with an error"), [run(0)]).state).toBe("progressing");
  });

  it("is no failure because an instance is bad: containers are tried again until the deadline", () => {
    const readErrorOf = run(0, 1, [bad]);
    expect(judged(stored("s", NEW, "applied"), [readErrorOf])).toEqual({
      state: "progressing",
      run: readErrorOf,
    });
    expect(judged(stored("s", NEW, "applied"), [])).toEqual({ state: "progressing" });
    expect(judged(stored("s", NEW, "applied"))).toEqual({ state: "progressing" });
  });

  it("is healthy by dtHealthy and by the runs of now: the one is a moment, the others are what serves", () => {
    const two = { ...NEW, replicas: 2 };
    expect(judged(stored("s", two), [run(2, 2)], false, two).state).toBe("healthy");
    expect(judged(stored("s", two), [run(1, 2)], false, two)).toEqual({ state: "degraded", run: run(1, 2) });
    expect(judged(stored("s", NEW), [])).toEqual({ state: "degraded" });
  });

  it("is not healthy where nothing is to run and nothing does: a run without replicas serves no requests", () => {
    expect(judged(stored("s", NEW), [run(0, 0)]).state).toBe("degraded");
  });

  it("reads the newest run alone, since the one before it still drains", () => {
    expect(judged(stored("s", NEW), [run(1, 1), run(0, 3)]).state).toBe("healthy");
    expect(judged(stored("s", NEW), [run(0, 1), run(3, 3)]).state).toBe("degraded");
  });

  it("needs a fresh read before it counts as healthy for the first time, and is trusted at rest", () => {
    expect(judged(stored("s", NEW), undefined, false).state).toBe("unlooked");
    expect(judged(stored("s", NEW), undefined, true).state).toBe("healthy");
    expect(judged(stored("s", OFF, "applied"), undefined, false, OFF).state).toBe("unlooked");
    expect(judged(stored("s", OFF, "applied"), undefined, true, OFF).state).toBe("disabled");
  });

  it("is off only when no run is left, by `enabled` and by no replicas alike; dtHealthy may be missing then", () => {
    const none = { ...NEW, replicas: 0 };
    for (const off of [OFF, none])
      for (const how of ["applied", "healthy"] as const) {
        expect(judged(stored("s", off, how), [], false, off)).toEqual({ state: "disabled" });
        expect(judged(stored("s", off, how), [run(0, 0)], true, off)).toEqual({ state: "disabling" });
      }
  });
});

describe("the run that is assessed", () => {
  const spec = stored("s2", NEW);
  const appliedAt = Date.parse(spec.externalApplied ?? "");
  const old = { ...run(2, 2), newestAt: appliedAt - MINUTE };
  const fresh = { ...run(1, 2), newestAt: appliedAt + SECOND };
  const empty = run(0, 0);
  const first = sent(NEW, { specId: "s2", replaces: "s1" });

  it.each([[[old, empty, fresh]], [[fresh, old, empty]], [[empty, fresh, old]]])(
    "is the spec's own, in whatever order they are listed, and not the one before it that still drains",
    (runs) => {
      expect(assessedFirst(runs, spec, first)[0]).toBe(fresh);
      expect(assessedFirst(runs, { ...spec, dtHealthy: null }, first)[0]).toBe(fresh);
    },
  );

  it("is the one that serves where the template ran before: another number of it may get a run of its own", () => {
    const scaled: Rollout = { ...first, healthyAt: toTime(NOW), scaled: true };
    expect(assessedFirst([fresh, old], spec, scaled)[0]).toBe(old);
    expect(assessedFirst([empty, old], spec, scaled)[0]).toBe(old);
  });

  it("is its own where another template ran in between: what is declared again starts anew", () => {
    const again: Rollout = { ...first, healthyAt: toTime(NOW) };
    expect(assessedFirst([old, fresh], spec, again)[0]).toBe(fresh);
    expect(assessedFirst([old, fresh], spec, { ...again, healthyReplicas: 1 })[0]).toBe(old);
  });

  it("is the newest while it is not healthy, also where it has no instance yet, and the only one whenever it is from", () => {
    const begun = run(0, 2);
    const unmarked = { ...spec, dtHealthy: null };
    expect(assessedFirst([old, begun], unmarked, first)[0]).toBe(begun);
    expect(assessedFirst([old], unmarked, first)).toEqual([old]);
    expect(assessedFirst([old, empty], unmarked, first)[0]).toBe(empty);
  });
});

describe("instances in trouble", () => {
  it("are known by their states in any letter case; a state of tomorrow is no trouble by itself", () => {
    for (const state of ["errored", "failed", "Errored", "FAILED"]) expect(isBad({ state })).toBe(true);
    for (const state of ["running", "pending", "a-state-of-tomorrow", ""])
      expect(isBad({ state })).toBe(false);
  });

  it("are named with their message: that is what users look for first", () => {
    const good: Instance = { id: "i0", state: "running", message: "fine" };
    expect(runWords(run(1, 3, [good, bad]))).toBe(
      "1 of 3 instances are ready; instance i1 is errored: no image",
    );
    expect(runWords(run(1, 3, [{ id: "i2", state: "failed" }]))).toMatch(/instance i2 is failed$/);
    expect(runWords(run(1, 3, [good]))).toBe("1 of 3 instances are ready");
    expect(runWords(undefined)).toBe("no instance is there yet");
  });
});

const healthy = (n: number): Rollout => sent(GOOD, { specId: `s${n}`, outcome: "Healthy" });
const failed = (n: number): Rollout => sent(NEW, { specId: `s${n}`, outcome: "Failed", message: "no" });
const entry = sent({ ...NEW, image: "ghcr.io/acme/model:3" }, { ageMs: 0 });

describe("pushed", () => {
  it("puts the newest first, and leaves what is over as it was", () => {
    expect(pushed([], entry)).toEqual([entry]);
    expect(pushed([failed(2), healthy(1)], entry)).toEqual([entry, failed(2), healthy(1)]);
  });

  it("replaces what was never seen: the history is of what Paperspace has had", () => {
    expect(pushed([sent(NEW, { replaces: "s1" }), healthy(1)], entry)).toEqual([entry, healthy(1)]);
  });

  it("ends what was still under way: nothing reports it again", () => {
    const under = sent(GOOD, { specId: "s2" });
    expect(pushed([under, healthy(1)], entry)[1]).toEqual({
      ...under,
      outcome: "Superseded",
      finishedAt: entry.sentAt,
    });
  });

  it("keeps ten: the status must stay small", () => {
    const long = Array.from({ length: 10 }, (_, n) => healthy(10 - n));
    expect(pushed(long, entry)).toEqual([entry, ...long.slice(0, 9)]);
    const unseen = [sent(NEW), ...long.slice(0, 9)];
    expect(pushed(unseen, entry)).toEqual([entry, ...long.slice(0, 9)]);
  });

  it("has one entry of a template, with whatever numbers: an autoscaler fills no history, and its specs stay known", () => {
    let history: readonly Rollout[] = [healthy(1), failed(0)];
    for (let n = 2; n < 40; n++) {
      const scaled = { ...GOOD, replicas: n };
      history = pushed(history, sent(scaled, { specId: `s${n}`, replaces: `s${n - 1}`, scaled: true }));
    }
    expect(history).toMatchObject([
      { specId: "s39", replaces: "s38", replicas: 39, scaled: true },
      { specId: "s0" },
    ]);
    const [head] = history as [Rollout];
    expect(head.earlier).toHaveLength(20);
    expect(head.earlier?.[0]).toEqual({ specId: "s38", replaces: "s37" });
    expect(isProven(head)).toBe(true);
    // What was never seen gives way, and what was seen of its template stays.
    const unseen = pushed(history, sent({ ...GOOD, replicas: 1 }, { replaces: "s39", scaled: true }));
    expect(unseen[0]?.specId).toBeUndefined();
    expect(pushed(unseen, entry)).toMatchObject([entry, { specId: "s39" }, { specId: "s0" }]);
  });

  it("keeps the last healthy one however many have failed since: it is what is gone back to", () => {
    let history: readonly Rollout[] = [healthy(1), healthy(0)];
    const bad = (n: number) => ({ ...failed(n), ...sentOf(targetOf({ ...NEW, image: `acme/bad:${n}` })) });
    for (let n = 2; n < 40; n++) history = pushed(history, bad(n));
    expect(history).toHaveLength(10);
    expect(history[0]).toMatchObject(bad(39));
    expect(history.at(-1)).toEqual(healthy(1));
  });

  it("keeps, through whatever is sent and becomes of it, the newest healthy spec, ten at most, and what fits the schema", () => {
    const event = fc.record({
      spec: fc.constantFrom(GOOD, NEW, OFF),
      isSeen: fc.boolean(),
      outcome: fc.constantFrom(...OUTCOMES),
    });
    const schema = deploymentStatusSchema.properties.history;
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let history: readonly Rollout[] = [];
        let best: string | undefined;
        events.forEach(({ spec, isSeen, outcome }, n) => {
          history = pushed(history, sent(spec, { ageMs: MINUTE }));
          if (!isSeen) return;
          const [head, ...older] = history;
          history = head ? [{ ...head, specId: `s${n}` }, ...older] : [];
          history = concluded(history, outcome, NOW, "why");
          if (outcome === "Healthy") best = `s${n}`;
        });
        expect(history.length).toBeLessThanOrEqual(10);
        if (best !== undefined)
          expect(history.some((one) => isProven(one) && specIdsOf(one).includes(best))).toBe(true);
        expect(Value.Check(schema, history)).toBe(true);
      }),
    );
  });
});

describe("the same template again", () => {
  it("is known to be good where it was healthy, whatever was sent between and with whatever numbers", () => {
    const event = fc.record({ spec: fc.constantFrom(GOOD, NEW, OFF), outcome: fc.constantFrom(...OUTCOMES) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 10 }), (events) => {
        let history: readonly Rollout[] = [];
        events.forEach(({ spec, outcome }, n) => {
          const before = history;
          history = pushed(history, sent(spec, { specId: `s${n}` }));
          const [head] = history;
          const wasHealthy = before.some((one) => head && isOfTemplate(one, head) && isProven(one));
          expect(head && isProven(head)).toBe(wasHealthy);
          history = concluded(history, outcome, NOW);
        });
      }),
    );
  });

  it("has the time that is left of its deadline, of which none passes while it is switched off", () => {
    const step = fc.record({
      replicas: fc.nat({ max: 2 }),
      isSeen: fc.boolean(),
      forMs: fc.integer({ min: 1, max: 1200 }).map((s) => s * SECOND),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
        let history: readonly Rollout[] = [];
        let now = NOW;
        let onMs = 0;
        for (const { replicas, isSeen, forMs } of steps) {
          const of = { ...NEW, replicas };
          const specId = isSeen ? { specId: `s${now}` } : {};
          history = pushed(history, { ...sent(of), sentAt: toTime(now), ...specId });
          const [head] = history;
          const { deadline } = rolloutTimes(head as Rollout, NEW);
          const left = (Date.parse(deadline) - now) / SECOND;
          expect(left).toBe(NEW.progressDeadlineSeconds - (replicas > 0 ? onMs / SECOND : 0));
          now += forMs;
          if (replicas > 0) onMs += forMs;
        }
      }),
    );
  });
});

describe("concluded", () => {
  it("records what became of the newest one, when, and why; older ones are not touched", () => {
    expect(concluded([entry, healthy(1)], "Failed", NOW, "no such machine type")).toEqual([
      { ...entry, outcome: "Failed", finishedAt: toTime(NOW), message: "no such machine type" },
      healthy(1),
    ]);
    expect(concluded([], "Failed", NOW)).toEqual([]);
  });

  it("keeps the first time and words of an outcome: each change of them would be a write of the status", () => {
    const [first] = concluded([entry], "TimedOut", NOW, "0 of 2 are ready");
    expect(concluded([first as Rollout], "TimedOut", NOW + MINUTE, "1 of 2 are ready")).toEqual([first]);
  });

  it("forgets why it failed where it comes about after all", () => {
    const over = concluded([entry], "TimedOut", NOW, "late");
    const well = concluded(over, "Healthy", NOW + MINUTE);
    expect(well[0]).toEqual({ ...entry, outcome: "Healthy", finishedAt: toTime(NOW + MINUTE) });
  });

  it("does not call finished what is under way once more", () => {
    const over = concluded([entry], "Failed", NOW, "no");
    expect(concluded(over, "Progressing", NOW + SECOND)).toEqual([entry]);
  });

  it("keeps its spec id, which is how it is found when it is gone back to", () => {
    const seen = { ...entry, specId: "s9", replaces: "s8", filled: ["command"], secrets: ["k8s_x"] };
    for (const outcome of OUTCOMES)
      expect(concluded([seen], outcome, NOW, "why")[0]).toMatchObject({ ...seen, outcome });
  });

  it("clips a long reason to what the schema takes: else the whole status would be refused", () => {
    const [long] = concluded([entry], "Failed", NOW, "x".repeat(5_000));
    expect(long?.message).toHaveLength(1024);
  });
});
