/** What is said of a rollout that is late, and when its instances keep it from being rolled back. */
import { describe, expect, it } from "vitest";
import { decideDeployment } from "../../../src/kinds/deployment/decide.ts";
import { FACT } from "../../../src/kinds/deployment/observation.ts";
import type { Rollout } from "../../../src/kinds/deployment/types.ts";
import {
  ago,
  chosen,
  DEADLINE_MS,
  GOOD,
  MINUTE,
  messageOf,
  NEW,
  run,
  type SpecProgress,
  seen,
  sent,
  situation,
  stored,
} from "./situations.ts";

const THREE = { ...NEW, replicas: 3, rollback: "OnFailure" } as const;
const WELL = sent({ ...GOOD, replicas: 3 }, { specId: "s1", outcome: "Healthy" });

/** Sent as long ago as it may take, and `ready` of its three instances are ready. */
function late(
  ready: number,
  {
    progress = "applied",
    state = "pending",
    runsMs = 0,
    ...entry
  }: { progress?: SpecProgress; state?: string; runsMs?: number } & Partial<Rollout> & {
      ageMs?: number;
    } = {},
) {
  return situation({
    spec: THREE,
    latest: stored("s2", THREE, progress),
    history: [sent(THREE, { specId: "s2", replaces: "s1", ageMs: DEADLINE_MS, ...entry }), WELL],
    runs: seen([run(ready, 3, [{ id: "i1", state }])], runsMs),
  });
}

describe("a rollout that is late", () => {
  it("has what Paperspace reports of it in its message: it is what users look for", () => {
    const progress = "applied, with an error";
    expect(messageOf(decideDeployment(late(0, { progress })))).toContain(
      "Paperspace reports: one instance failed",
    );
    const early = late(0, { progress, ageMs: MINUTE });
    expect(messageOf(decideDeployment(early))).not.toContain("Paperspace reports");
  });

  it("is not gone back on where some of it serves and nothing of it fails: that would take away what serves", () => {
    expect(chosen(late(2))).toBe("Terminal/ProgressDeadlineExceeded");
    expect(chosen(late(2, { state: "errored" }))).toBe("RequeueAfter/RolledBack");
    expect(chosen(late(0))).toBe("RequeueAfter/RolledBack");
  });

  it("is looked at once more before it is gone back on: it may serve since the runs were read", () => {
    expect(decideDeployment(late(0, { runsMs: MINUTE })).needs).toEqual([FACT.runs]);
  });

  it("is so by the first time that its template was sent, whatever numbers were sent since", () => {
    expect(chosen(late(0, { ageMs: MINUTE }))).toBe("RequeueAfter/Progressing");
    expect(chosen(late(0, { ageMs: MINUTE, startedAt: ago(DEADLINE_MS) }))).toBe("RequeueAfter/RolledBack");
  });

  it("is not gone back on where its template was healthy: what lacks is instances", () => {
    const proven = late(0, { healthyAt: ago(2 * DEADLINE_MS) });
    expect(chosen(proven)).toBe("Terminal/ProgressDeadlineExceeded");
    expect(messageOf(decideDeployment(proven))).toContain("was healthy before");
  });
});
