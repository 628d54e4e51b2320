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
  it("that is not certain forgets nothing, whatever the spec requests: the resource may only not show yet", () => {
    for (const over of [{}, { deleting: true }, { spec: { onExternalDeletion: "Recreate" as const } }])
      expect(absence(observation(over), false, FORGOTTEN)).toMatchObject({
        step: { do: "none", outcome: { kind: "RequeueAfter", reason: "AbsenceUnconfirmed", afterMs: 3_000 } },
        memory: MEMORY,
      });
  });

  it("releases an object that is being deleted", () => {
    const step = { do: "release", reason: "Deleted" };
    expect(absence(observation({ deleting: true }), true, FORGOTTEN)).toEqual({ step, memory: FORGOTTEN });
  });

  it("leads to a new resource where the spec requests it, but not while the object is halted", () => {
    const spec = { onExternalDeletion: "Recreate" as const };
    expect(absence(observation({ spec }), true, FORGOTTEN)).toEqual({
      step: { do: "disown" },
      memory: FORGOTTEN,
    });
    expect(absence(observation({ spec, halted: HALT }), true, FORGOTTEN).step).toMatchObject({
      outcome: { kind: "Halted", ...HALT },
    });
  });

  it("is reported where the spec does not request a new one, with the kind's noun", () => {
    const { step } = absence(observation(), true, FORGOTTEN);
    const message = expect.stringMatching(/^the deployment was deleted .* a new deployment;/);
    expect(step).toMatchObject({ outcome: { kind: "Terminal", reason: "ExternallyDeleted", message } });
  });
});

describe("adoption", () => {
  const facts = { noun: "deployment", recheckMs: 30_000 };
  const changes = [{ field: "region", from: "ams1", to: "ny2" }];

  it("records a resource that exists and fits, and nothing before it was observed", () => {
    expect(adoption("d1", { state: "present", changes: [] }, facts)).toEqual({
      do: "recordOwnership",
      id: "d1",
    });
    expect(adoption("d1", { state: "unknown", changes: [] }, facts)).toMatchObject({
      outcome: { kind: "Unknown" },
    });
  });

  it("takes nothing over that another cluster made, before the object itself is named: that one may own it still", () => {
    const candidate = { state: "present", changes: [], otherCluster: "0123abcd" } as const;
    const confirmation = "kubectl annotate …";
    expect(adoption("d1", candidate, { ...facts, clusterId: "89abcdef", confirmation })).toMatchObject({
      outcome: { reason: "IdentityConflict", message: expect.stringContaining(confirmation) },
    });
    expect(adoption("d1", candidate, { ...facts, clusterId: "89abcdef" })).toMatchObject({
      do: "recordOwnership",
    });
  });

  it("reports why not: a failed read, no such resource, or a difference that cannot be changed", () => {
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
