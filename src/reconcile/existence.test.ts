import { describe, expect, it } from "vitest";
import { absence, adoption } from "./existence.ts";
import type { Operation } from "./managed.ts";

const OPERATION: Operation = { intent: "Delete", requestedAt: "t0", deadline: "t1" };
const MEMORY: { operation?: Operation; kept: string } = { operation: OPERATION, kept: "k" };
const FORGOTTEN = { kept: "k" };
const HALT = { reason: "Paused", message: "paused" };

const observation = (over: object = {}) => ({
  noun: "deployment",
  deleting: false,
  recheckMs: 30_000,
  memory: MEMORY,
  spec: {},
  limits: { lookMs: 3_000 },
  ...over,
});

describe("absence", () => {
  it("that is not certain forgets nothing, whatever is wished: it may only not show yet", () => {
    for (const over of [{}, { deleting: true }, { spec: { onExternalDeletion: "Recreate" as const } }])
      expect(absence(observation(over), false, FORGOTTEN)).toMatchObject({
        step: { do: "none", outcome: { kind: "RequeueAfter", reason: "AbsenceUnconfirmed", afterMs: 3_000 } },
        memory: MEMORY,
      });
  });

  it("lets the object go that is being deleted", () => {
    const step = { do: "release", reason: "Deleted" };
    expect(absence(observation({ deleting: true }), true, FORGOTTEN)).toEqual({ step, memory: FORGOTTEN });
  });

  it("leads to another one where that is wished, but not while we are halted", () => {
    const spec = { onExternalDeletion: "Recreate" as const };
    expect(absence(observation({ spec }), true, FORGOTTEN)).toEqual({
      step: { do: "disown" },
      memory: FORGOTTEN,
    });
    expect(absence(observation({ spec, halted: HALT }), true, FORGOTTEN).step).toMatchObject({
      outcome: { kind: "Halted", ...HALT },
    });
  });

  it("is told where nobody wished it, in the words of the kind", () => {
    const { step } = absence(observation(), true, FORGOTTEN);
    const message = expect.stringMatching(/^the deployment was deleted .* a new deployment;/);
    expect(step).toMatchObject({ outcome: { kind: "Terminal", reason: "ExternallyDeleted", message } });
  });
});

describe("adoption", () => {
  const facts = { noun: "deployment", recheckMs: 30_000 };
  const changes = [{ field: "region", from: "ams1", to: "ny2" }];

  it("takes what is there and fits, and nothing before it was seen", () => {
    expect(adoption("d1", { state: "present", changes: [] }, facts)).toEqual({
      do: "recordOwnership",
      id: "d1",
    });
    expect(adoption("d1", { state: "unknown", changes: [] }, facts)).toMatchObject({
      outcome: { kind: "Unknown" },
    });
  });

  it("says why it does not: a look that failed, nothing there, or what cannot be changed", () => {
    const readError = { kind: "Retry", reason: "ApiUnavailable", message: "503" } as const;
    const failed = adoption("d1", { state: "present", readError, changes: [] }, facts);
    expect(failed).toEqual({ do: "none", outcome: readError });
    expect(adoption("d1", { state: "absent", changes: [] }, facts)).toMatchObject({
      outcome: { reason: "AdoptNotFound", message: expect.stringContaining("no deployment d1 in this team") },
    });
    expect(adoption("d1", { state: "present", changes }, facts)).toMatchObject({
      outcome: { reason: "AdoptMismatch", message: expect.stringContaining('region: "ams1" → "ny2"') },
    });
  });
});
