import { describe, expect, it } from "vitest";
import type { ManagedObject, ManagedStatus, Operation } from "./managed.ts";
import { attemptOf, type OwnershipInputs, ownershipFacts } from "./ownership-facts.ts";
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

function object(
  annotations: Record<string, string>,
  operation?: Operation,
  more: Partial<ManagedStatus> = {},
): ManagedObject {
  const status = { teamId: "te1", uid: UID, ...(operation && { operation }), ...more };
  return { metadata: { name: "web", uid: UID, annotations }, spec: {}, status };
}

describe("attemptOf", () => {
  it("comes from status alone: anyone who may edit the object can write the annotation", () => {
    const forged = { ...ATTEMPT, name: "another" };
    const annotations = { [ANNOTATION.createPending]: JSON.stringify(forged) };
    expect(attemptOf(object(annotations))).toBeUndefined();
    expect(attemptOf(object(annotations, OPERATION))).toEqual(ATTEMPT);
    expect(attemptOf(object({}, OPERATION))).toEqual(ATTEMPT);
  });

  it("has no mark where none was needed", () => {
    const { mark: _none, ...operation } = OPERATION;
    const { mark: _either, ...attempt } = ATTEMPT;
    expect(attemptOf(object({}, operation))).toEqual(attempt);
  });

  it("is none once the resource is owned, though its create is still under way", () => {
    expect(attemptOf(object({}, OPERATION, { id: "d1" }))).toBeUndefined();
  });

  it("is none of another object's status: it came with a backup or a copy", () => {
    expect(attemptOf(object({}, OPERATION, { uid: "uid-2" }))).toBeUndefined();
  });
});

describe("ownershipFacts", () => {
  const INPUTS: OwnershipInputs = {
    definition: {
      group: "g",
      version: "v1",
      kind: "Sample",
      plural: "samples",
      shortName: "sm",
      noun: "sample",
    },
    account: { state: "valid", team: "te1" },
    restrictions: {},
    rivalOf: () => undefined,
    mayAdopt: true,
    backingOff: {},
    recheckMs: 1,
  };
  const annotations = { [ANNOTATION.createPending]: JSON.stringify(ATTEMPT) };

  it("take an announcement that is not in status for one that was never sent, so that nothing is searched for it", () => {
    expect(ownershipFacts(object(annotations), INPUTS)).toMatchObject({ unsent: true });
    expect(ownershipFacts(object(annotations, OPERATION), INPUTS)).not.toHaveProperty("unsent");
    const foreign = { [ANNOTATION.createPending]: JSON.stringify({ ...ATTEMPT, uid: "uid-2" }) };
    expect(ownershipFacts(object(foreign), INPUTS)).not.toHaveProperty("unsent");
  });
});
