import { describe, expect, it } from "vitest";
import { toTime } from "../../../kube/objects.ts";
import { candidatesOf } from "./candidates.ts";
import { nextOpen, type Try, withChoice } from "./ladder.ts";

const NOW = Date.UTC(2026, 5, 1);
const MINUTE = 60_000;
const [H100, A4000, C4] = ["H100", "A4000", "C4"].map((machineType) => ({ machineType })) as [
  { machineType: string },
  { machineType: string },
  { machineType: string },
];
const SPEC = { placement: { candidates: [H100, A4000] } };

const failed = (candidate: { machineType: string }, outcome: Try["outcome"], ageMs = MINUTE): Try => ({
  candidate,
  outcome,
  at: toTime(NOW - ageMs),
});
const chosen = (
  memory: Parameters<typeof withChoice>[1],
  shown?: { machineType: string },
): string | undefined => withChoice(SPEC, memory, { shown, now: NOW }).chosen?.machineType;

describe("the candidate that holds for now", () => {
  it("is the one that was chosen, whatever is shown: what another actor changed is put back", () => {
    expect(chosen({ chosen: A4000 }, H100)).toBe("A4000");
  });

  it("is the one that runs where nothing is remembered, as after a restore: it may serve", () => {
    expect(chosen({}, { machineType: "a4000" })).toBe("A4000");
    expect(chosen({}, C4)).toBe("H100");
  });

  it("is chosen anew where it is declared no more", () => {
    expect(chosen({ chosen: C4 })).toBe("H100");
  });

  it("is the first that has not just come to nothing, and before none at all one that only had no hardware", () => {
    expect(chosen({ tried: [failed(H100, "NoHardware")] })).toBe("A4000");
    expect(chosen({ tried: [failed(A4000, "Refused"), failed(H100, "NoHardware")] })).toBe("H100");
    expect(chosen({ tried: [failed(A4000, "Refused"), failed(H100, "Declined")] })).toBeUndefined();
    expect(chosen({ tried: [failed(H100, "NoHardware", 11 * MINUTE)] })).toBe("H100");
  });
});

it("one that is written twice, in another letter case, is one candidate: it would be left for itself", () => {
  const placement = { candidates: [H100, { machineType: "h100" }] };
  expect(candidatesOf({ placement })).toEqual([H100]);
  expect(nextOpen({ placement }, {}, NOW, H100)).toBeUndefined();
});
