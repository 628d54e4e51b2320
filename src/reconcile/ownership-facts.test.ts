import { describe, expect, it } from "vitest";
import type { ManagedObject, Operation } from "./managed.ts";
import { attemptOf } from "./ownership-facts.ts";
import { ANNOTATION } from "./record.ts";

const UID = "uid-1";
const TIME = "2026-06-01T00:00:00Z";
const ATTEMPT = { name: "web", mark: "m1", team: "te1", uid: UID, time: TIME };
const OPERATION: Operation = {
  intent: "Create",
  name: "web",
  mark: "m1",
  requestedAt: TIME,
  deadline: "2026-06-01T00:30:00Z",
};

function object(annotations: Record<string, string>, operation?: Operation): ManagedObject {
  const status = { teamId: "te1", uid: UID, ...(operation && { operation }) };
  return { metadata: { name: "web", uid: UID, annotations }, spec: {}, status };
}

describe("attemptOf", () => {
  it("is the same from the annotation and from its mirror: a replace may have removed the annotation", () => {
    const annotated = object({ [ANNOTATION.createPending]: JSON.stringify(ATTEMPT) });
    expect(attemptOf(annotated, { state: "none" })).toEqual(ATTEMPT);
    expect(attemptOf(object({}, OPERATION), { state: "none" })).toEqual(ATTEMPT);
  });

  it("has no mark where none was needed", () => {
    const { mark: _none, ...operation } = OPERATION;
    const { mark: _either, ...attempt } = ATTEMPT;
    expect(attemptOf(object({}, operation), { state: "none" })).toEqual(attempt);
  });

  it("is none once the resource is owned, though its create is still under way", () => {
    const record = { id: "d1", team: "te1", name: "web", uid: UID };
    expect(attemptOf(object({}, OPERATION), { state: "ours", record, restore: false })).toBeUndefined();
  });
});
