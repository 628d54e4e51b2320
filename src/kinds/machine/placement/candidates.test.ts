import { describe, expect, it } from "vitest";
import { SPEC } from "../../../../test/decide/machine/spec.ts";
import { candidatesOf, placedSpec } from "./candidates.ts";

const placement = {
  candidates: [
    { machineType: "H100", regions: ["ny2", "ams1"] },
    { machineType: "A4000", regions: ["ca1"], templateId: "tca" },
  ],
};
const spec = { ...SPEC, placement };

describe("the candidates of a placement", () => {
  it("are tried by candidate first and then by region, as they are written", () => {
    expect(candidatesOf(spec)).toEqual([
      { machineType: "H100", region: "ny2" },
      { machineType: "H100", region: "ams1" },
      { machineType: "A4000", region: "ca1", templateId: "tca" },
    ]);
  });

  it("are tried once each, however a region is written: a second try would tell nothing new", () => {
    const twice = [{ machineType: "h100", regions: ["NY2"] }, ...placement.candidates];
    expect(candidatesOf({ placement: { candidates: twice } })).toHaveLength(3);
  });

  it("do not matter once one is chosen: a machine is not resized because the list has changed", () => {
    const chosen = { machineType: "P4000", region: "ca1" };
    expect(placedSpec(spec, chosen, { machineType: "H100", region: "ny2" })).toMatchObject(chosen);
  });

  it("give way to the machine that is there where status was lost, so that nothing of it is changed", () => {
    const machine = { machineType: "P4000", region: "ca1" };
    expect(placedSpec(spec, undefined, machine)).toMatchObject(machine);
    expect(placedSpec(spec, undefined, { machineType: null, region: "ca1" }).machineType).toBe("H100");
  });

  it("bring their own template, since a custom one lives in one region", () => {
    const chosen = candidatesOf(spec)[2];
    expect(placedSpec(spec, chosen).templateId).toBe("tca");
    expect(placedSpec(spec, candidatesOf(spec)[0]).templateId).toBe(SPEC.templateId);
  });
});
