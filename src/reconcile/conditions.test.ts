import { describe, expect, it } from "vitest";
import { conditions, progressConditions } from "./conditions.ts";

const facts = { previous: [], generation: 3, now: "2026-06-01T00:00:00Z" };

describe("conditions", () => {
  it("changes the transition time only with the status, since users read the duration of a state from it", () => {
    const first = conditions([{ type: "Ready", status: "False", reason: "Creating", message: "a" }], facts);
    const later = { ...facts, previous: first, now: "2026-06-01T01:00:00Z" };
    const [same] = conditions([{ type: "Ready", status: "False", reason: "Starting", message: "b" }], later);
    const [moved] = conditions([{ type: "Ready", status: "True", reason: "Available", message: "c" }], later);
    expect(same).toMatchObject({ lastTransitionTime: facts.now, reason: "Starting" });
    expect(moved?.lastTransitionTime).toBe(later.now);
  });

  it("carries the generation in every condition, so that kubectl wait never accepts the state of an older spec", () => {
    const made = conditions(
      progressConditions({ kind: "Done", reason: "Available", message: "" }, false),
      facts,
    );
    expect(made.every(({ observedGeneration }) => observedGeneration === 3)).toBe(true);
  });

  it("shows Reconciling and Stalled only while true and never both, as kstatus expects", () => {
    const outcomes = [
      { kind: "Done", reason: "Available", message: "" },
      { kind: "RequeueAfter", reason: "Creating", message: "", afterMs: 1 },
      { kind: "Retry", reason: "ApiUnavailable", message: "" },
      { kind: "Terminal", reason: "Refused", message: "", recheckMs: 1 },
    ] as const;
    for (const outcome of outcomes)
      for (const deleting of [false, true]) {
        const desired = progressConditions(outcome, deleting);
        const extra = desired.filter(({ type }) => type !== "Ready");
        expect(extra.every(({ status }) => status === "True")).toBe(true);
        expect(extra.length).toBe(outcome.kind === "Done" ? 0 : 1);
        expect(desired[0]).toMatchObject({
          type: "Ready",
          status: outcome.kind === "Done" ? "True" : "False",
        });
      }
  });

  it("is Ready beside Reconciling where what is changed serves all the while", () => {
    const ready = { status: "True", reason: "Available" } as const;
    const outcome = { kind: "RequeueAfter", reason: "Scaling", message: "", afterMs: 1, ready } as const;
    expect(progressConditions(outcome, false)).toMatchObject([
      { type: "Ready", ...ready },
      { type: "Reconciling", status: "True", reason: "Scaling" },
    ]);
  });

  it("truncates long messages of the API, since an object must stay readable", () => {
    const [made] = conditions(
      [{ type: "Ready", status: "False", reason: "Refused", message: "x".repeat(5000) }],
      facts,
    );
    expect(made?.message.length).toBe(1024);
  });
});
