import { describe, expect, it } from "vitest";
import type { ManagedObject } from "./managed.ts";
import { type NamespaceFact, restrictionsOf } from "./management.ts";
import { ANNOTATION } from "./record.ts";

const SILENT: NamespaceFact = { state: "read", terminating: false };
const UNREADABLE: NamespaceFact = { state: "unreadable", message: "forbidden" };
const MANAGE = { managementPolicy: "Manage", deletionProtection: false } as const;

function object(spec: ManagedObject["spec"] = {}, ...on: string[]): ManagedObject {
  const annotations = Object.fromEntries(on.map((name) => [name, "true"]));
  return { metadata: { name: "box", namespace: "team-a", annotations }, spec };
}

describe("the strictest of object, namespace and operator", () => {
  const POLICIES = ["Manage", "Observe"] as const;

  it("holds in each combination of the three", () => {
    for (const spec of [undefined, ...POLICIES])
      for (const label of [undefined, ...POLICIES])
        for (const operator of POLICIES) {
          const namespace = { ...SILENT, ...(label && { managementPolicy: label }) };
          const { observes = false } = restrictionsOf(object(spec && { managementPolicy: spec }), namespace, {
            ...MANAGE,
            managementPolicy: operator,
          });
          expect({ spec, label, operator, observes }).toEqual({
            spec,
            label,
            operator,
            observes: [spec, label, operator].includes("Observe"),
          });
        }
  });

  it("is Observe where the labels cannot be read, and that is the reason unless the object says so itself", () => {
    const of = (spec = {}) => restrictionsOf(object(spec), UNREADABLE, MANAGE);
    expect(of()).toMatchObject({ observes: true, halted: { reason: "NamespaceUnreadable" } });
    expect(of({ managementPolicy: "Manage" }).halted?.reason).toBe("NamespaceUnreadable");
    expect(of({ managementPolicy: "Observe" }).halted?.reason).toBe("ObservedOnly");
  });

  it("keeps the plan of a dry run, and reports more than a pause does", () => {
    const observed = { managementPolicy: "Observe" } as const;
    const of = (...on: string[]) => restrictionsOf(object(observed, ...on), SILENT, MANAGE);
    expect(of(ANNOTATION.dryRun)).toMatchObject({ observes: true, halted: { reason: "DryRun" } });
    expect(of(ANNOTATION.dryRun).halted?.message).toContain("spec.managementPolicy is Observe");
    expect(of(ANNOTATION.paused)).toMatchObject({ observes: true, halted: { reason: "ObservedOnly" } });
  });
});

describe("protection", () => {
  const isProtected = (spec: ManagedObject["spec"], namespace: NamespaceFact, operator = false) =>
    restrictionsOf(object(spec), namespace, { ...MANAGE, deletionProtection: operator }).protection !==
    undefined;
  const labelled = (deletionProtection: string): NamespaceFact => ({ ...SILENT, deletionProtection });

  it("is what the object says, then its namespace, then the operator", () => {
    expect(isProtected({ deletionProtection: true }, labelled("false"))).toBe(true);
    expect(isProtected({ deletionProtection: false }, labelled("true"), true)).toBe(false);
    expect(isProtected({}, labelled("true"))).toBe(true);
    expect(isProtected({}, labelled("false"), true)).toBe(false);
    expect(isProtected({}, SILENT, true)).toBe(true);
    expect(isProtected({}, SILENT)).toBe(false);
  });

  it("is assumed where it is not known, or a label is misspelt: what is deleted does not come back", () => {
    expect(isProtected({}, labelled("yes"))).toBe(true);
    expect(isProtected({}, UNREADABLE)).toBe(true);
    expect(isProtected({ deletionProtection: false }, UNREADABLE)).toBe(false);
  });
});
