import { describe, expect, it } from "vitest";
import { KINDS } from "../registry.ts";
import { ANY_REFERENCE, kindOf, TYPES } from "./kinds.ts";

describe("the plugin's kinds", () => {
  it("are the operator's, without importing their code: release must find every object", () => {
    const registered = KINDS.map(({ definition: { shortName, ...names } }) => [
      shortName,
      { ...names, namespaced: true },
    ]);
    expect(TYPES).toEqual(Object.fromEntries(registered));
  });

  it("are found by every name that kubectl accepts", () => {
    for (const resourceName of ["psm", "PSM", "PaperspaceMachine", "paperspacemachines"])
      for (const end of ["", ".paperspace.com", ".v1alpha1.paperspace.com"])
        expect(kindOf(resourceName + end)).toBe("psm");
  });

  it("are not found by names of other resources, or of none", () => {
    for (const resourceName of [
      "pod",
      "",
      "ps",
      "psms",
      "psm.example.com",
      "psm.v2.paperspace.com",
      "constructor",
    ])
      expect(kindOf(resourceName)).toBeUndefined();
  });

  it("are all named where an argument is required", () => {
    expect(ANY_REFERENCE).toBe("psm/NAME or psd/NAME");
  });
});
