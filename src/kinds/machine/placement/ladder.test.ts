import { describe, expect, it } from "vitest";
import { NOW, scene } from "../../../../test/decide/machine/situations.ts";
import { toTime } from "../../../kube/objects.ts";
import { type Capacity, FACT, type MachineObservation } from "../observation.ts";
import { type Place, placeKey } from "./candidates.ts";
import { nextInOrder, nextRung, type Try, withTry } from "./ladder.ts";

const MINUTE = 60_000;
const H100 = { machineType: "H100", region: "ny2" };
const A4000 = { machineType: "A4000", region: "ca1" };
const FREE: Capacity = { hint: "free" };
const SHORT: Capacity = { hint: "short", retryMs: 20_000 };

function view(hints: readonly [Place, Capacity][], tried: readonly Try[] = []): MachineObservation {
  const { observation, spec, related } = scene();
  spec.placement = {
    candidates: [
      { machineType: "H100", regions: ["ny2"] },
      { machineType: "A4000", regions: ["ca1"] },
    ],
  };
  related.places = Object.fromEntries(hints.map(([place, capacity]) => [placeKey(place), capacity]));
  observation.memory = { placement: { tried: [...tried] } };
  return observation;
}

const failed = (candidate: Place, minutesAgo: number, outcome: Try["outcome"] = "NoHardware"): Try => ({
  candidate,
  outcome,
  at: toTime(NOW - minutesAgo * MINUTE),
});

describe("the next candidate", () => {
  it("is the first that is not known to be short: the order is the user's", () => {
    expect(
      nextRung(
        view([
          [H100, FREE],
          [A4000, FREE],
        ]),
      ),
    ).toEqual({ go: H100 });
    expect(
      nextRung(
        view([
          [H100, SHORT],
          [A4000, FREE],
        ]),
      ),
    ).toEqual({ go: A4000 });
    expect(
      nextRung(
        view([
          [H100, SHORT],
          [A4000, { hint: "unknown" }],
        ]),
      ),
    ).toEqual({ go: A4000 });
  });

  it("is not passed over before its hint was read, and none is read that is not needed", () => {
    expect(nextRung(view([[A4000, FREE]]))).toEqual({ needs: [FACT.places(placeKey(H100))] });
    expect(nextRung(view([[H100, FREE]]))).toEqual({ go: H100 });
  });

  it("is none where all are short, and the soonest one says when to see again", () => {
    const hints = [
      [H100, SHORT],
      [A4000, { hint: "short", retryMs: 5_000 }],
    ] as const;
    expect(nextRung(view([...hints] as [Place, Capacity][]))).toEqual({
      waitMs: 5_000,
      refusals: [],
      tooDear: [],
    });
  });

  it("is not one that came to nothing a moment ago, though it is said to be free: the hint may lie", () => {
    expect(
      nextRung(
        view(
          [
            [H100, FREE],
            [A4000, FREE],
          ],
          [failed(H100, 1)],
        ),
      ),
    ).toEqual({ go: A4000 });
    expect(
      nextRung(
        view(
          [
            [H100, FREE],
            [A4000, FREE],
          ],
          [failed(H100, 11)],
        ),
      ),
    ).toEqual({ go: H100 });
  });

  it("is not the one that is left", () => {
    expect(
      nextRung(
        view([
          [H100, FREE],
          [A4000, FREE],
        ]),
        H100,
      ),
    ).toEqual({ go: A4000 });
  });

  it("needs no hardware where the machine is to be off, and so no hint", () => {
    const observation = view([[H100, SHORT]]);
    observation.spec.powerState = "Stopped";
    expect(nextRung(observation)).toEqual({ go: H100 });
  });

  it("shown in status does not depend on hints, which change by the second: it would be written each time", () => {
    expect(nextInOrder(view([[H100, SHORT]]))).toEqual(H100);
    expect(nextInOrder(view([], [failed(H100, 1)]))).toEqual(A4000);
  });
});

describe("what came to nothing", () => {
  it("forgets what was chosen, so that nothing takes it for the machine that is made next", () => {
    const before = { chosen: H100, attempt: { name: "box-1", at: toTime(NOW) } };
    expect(Object.keys(withTry(before, H100, { outcome: "NoHardware" }, NOW))).toEqual(["tried"]);
  });
});
