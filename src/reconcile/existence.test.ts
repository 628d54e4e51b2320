import { describe, expect, it } from "vitest";
import { toTime } from "../kube/objects.ts";
import { absence, adoption } from "./existence.ts";
import type { Operation } from "./managed.ts";

const OPERATION: Operation = { intent: "Delete", requestedAt: "t0", deadline: "t1" };
const MEMORY: { operation?: Operation; kept: string } = { operation: OPERATION, kept: "k" };
const FORGOTTEN = { kept: "k" };
const MINUTE = 60_000;
const NOW = Date.UTC(2026, 5, 1);
const GONE = { state: "absent", certain: true } as const;
const UNSEEN = { state: "absent", certain: false } as const;
const HALT = { reason: "Paused", message: "paused" };

const observation = (over: object = {}) => ({
  noun: "deployment",
  deleting: false,
  recheckMs: 30_000,
  memory: MEMORY,
  now: NOW,
  spec: {},
  limits: { lookMs: 3_000, slowMs: 10 * MINUTE, deleteMs: 30 * MINUTE, absenceGraceMs: 2 * MINUTE },
  ...over,
});

describe("absence", () => {
  it("that is not certain forgets nothing, whatever the spec requests: the resource may only not show yet", () => {
    for (const over of [{}, { deleting: true }, { spec: { onExternalDeletion: "Recreate" as const } }])
      expect(absence(observation(over), UNSEEN, FORGOTTEN)).toMatchObject({
        step: { do: "none", outcome: { kind: "RequeueAfter", reason: "AbsenceUnconfirmed", afterMs: 3_000 } },
        memory: MEMORY,
      });
  });

  it("releases an object that is being deleted", () => {
    const step = { do: "release", reason: "Deleted" };
    expect(absence(observation({ deleting: true }), GONE, FORGOTTEN)).toEqual({ step, memory: FORGOTTEN });
  });

  it("leads to a new resource where the spec requests it, but not while the object is halted", () => {
    const spec = { onExternalDeletion: "Recreate" as const };
    expect(absence(observation({ spec }), GONE, FORGOTTEN)).toEqual({
      step: { do: "disown" },
      memory: FORGOTTEN,
    });
    expect(absence(observation({ spec, halted: HALT }), GONE, FORGOTTEN).step).toMatchObject({
      outcome: { kind: "Halted", ...HALT },
    });
  });

  it("is reported where the spec does not request a new one, with the kind's noun", () => {
    const { step } = absence(observation(), GONE, FORGOTTEN);
    const message = expect.stringMatching(/^the deployment was deleted .* a new deployment;/);
    expect(step).toMatchObject({ outcome: { kind: "Terminal", reason: "ExternallyDeleted", message } });
  });
});

describe("absence that cannot be confirmed", () => {
  const blocked = {
    ...UNSEEN,
    lookAfterMs: 5_000,
    doubt: { message: "no list completes", isBlocked: true },
  } as const;

  it("blocks a deletion, and says how the object can go all the same: freeing it might leave what it owns", () => {
    const over = { deleting: true, reference: "psm/box -n ns" };
    expect(absence(observation(over), blocked, FORGOTTEN)).toMatchObject({
      step: {
        outcome: {
          kind: "Terminal",
          reason: "DeletionBlocked",
          message: expect.stringContaining("no list completes. The object stays"),
          recheckMs: 5_000,
        },
      },
      memory: MEMORY,
    });
    const { step } = absence(observation(over), blocked, FORGOTTEN);
    expect(JSON.stringify(step)).toContain("kubectl paperspace release psm/box -n ns --force");
  });

  it("blocks a deletion that is late as well, whatever is missing", () => {
    const deletedAt = toTime(NOW - 30 * MINUTE);
    expect(absence(observation({ deleting: true, deletedAt }), UNSEEN, FORGOTTEN).step).toMatchObject({
      outcome: { reason: "DeletionBlocked" },
    });
  });

  it("is only waited for while the object lives", () => {
    expect(absence(observation(), blocked, FORGOTTEN).step).toMatchObject({
      outcome: {
        kind: "RequeueAfter",
        reason: "AbsenceUnconfirmed",
        message: "no list completes",
        afterMs: 5_000,
      },
    });
  });
});

describe("a new resource for one that is gone", () => {
  const spec = { onExternalDeletion: "Recreate" as const };
  const disowned = (...minutesAgo: number[]) =>
    minutesAgo.map((ago, n) => ({ id: `d${n}`, at: toTime(NOW - ago * MINUTE) }));
  const next = (absentMs: number, ...minutesAgo: number[]) =>
    absence(observation({ spec, disowned: disowned(...minutesAgo) }), { ...GONE, absentMs }, FORGOTTEN).step;

  it("waits twice as long each time, since what made reads miss the former ones may last", () => {
    for (const [times, minutes] of [2, 4, 8, 16, 32].entries()) {
      const before = Array.from({ length: times }, (_, n) => 60 + n);
      expect(next(minutes * MINUTE, ...before)).toEqual({ do: "disown" });
      expect(next(minutes * MINUTE - 1_000, ...before)).toMatchObject({
        outcome: { kind: "RequeueAfter", reason: "ExternallyDeleted", afterMs: 1_000 },
      });
    }
  });

  it("is not made after five within a day: the user is to see why, and which ids may still be there", () => {
    expect(next(24 * 60 * MINUTE, 1, 2, 3, 4, 5)).toMatchObject({
      outcome: {
        kind: "Terminal",
        reason: "Contended",
        message: expect.stringContaining("d0, d1, d2, d3, d4"),
      },
    });
    const day = 24 * 60;
    expect(next(60 * MINUTE, day + 1, 2, 3, 4, 5)).toEqual({ do: "disown" });
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
