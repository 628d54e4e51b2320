import { expect, it } from "vitest";
import { type GatedWrite, newGate } from "./gate.ts";
import type { ManagedObject } from "./managed.ts";
import type { Restrictions } from "./management.ts";

const ALLOWED = { allowDeleting: true };
const PROTECTED = { protection: "its label says so" };

/** What the gate says of a write for an object that is like this by now. */
function refusal(
  write: Partial<GatedWrite>,
  restrictions: Restrictions,
  deleting = false,
): string | undefined {
  const deletionTimestamp = deleting ? { deletionTimestamp: "2026-06-01T00:00:00Z" } : {};
  const object: ManagedObject = { metadata: { name: "box", uid: "u1", ...deletionTimestamp }, spec: {} };
  const options = {
    store: { get: () => object },
    mayWrite: () => true,
    owners: { rivalOf: () => undefined },
    restrictions: () => restrictions,
  };
  return newGate(options, object, { ...ALLOWED, ...write })();
}

it("lets nothing out for an object that is halted or only observed by now, whatever was decided before", () => {
  const halted = { reason: "ObservedOnly", message: "only observed" };
  for (const sends of ["create", "change", "delete"] as const)
    expect(refusal({ sends }, { halted, observes: true })).toBe("only observed");
});

it("lets no delete out of what is protected by now: the label may have come after the decision", () => {
  for (const deleting of [false, true])
    expect(refusal({ sends: "delete", destroys: true }, PROTECTED, deleting)).toContain("its label says so");
  expect(refusal({ sends: "delete", destroys: true }, {}, true)).toBeUndefined();
});

it("lets a delete out of what is not the resource itself: a stray, or a secret whose object could else never go", () => {
  for (const deleting of [false, true])
    expect(refusal({ sends: "delete" }, PROTECTED, deleting)).toBeUndefined();
  expect(refusal({ sends: "change" }, PROTECTED, true)).toBeUndefined();
});

it("lets no create out in a namespace that ends", () => {
  expect(refusal({ sends: "create" }, { namespaceEnds: true })).toContain("namespace is being deleted");
  expect(refusal({ sends: "change" }, { namespaceEnds: true })).toBeUndefined();
});
