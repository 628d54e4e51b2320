import { describe, expect, it } from "vitest";
import { NOW, scene } from "../../../../test/decide/machine/situations.ts";
import { toTime } from "../../../kube/objects.ts";
import { FACT } from "../observation.ts";
import { REASON } from "../reasons.ts";
import { placeKey } from "./candidates.ts";
import { createNext } from "./creation.ts";
import { nextInOrder, nextRung, openCandidates } from "./ladder.ts";
import { rateCondition, rateKey } from "./rates.ts";

const H100 = { machineType: "H100", region: "ny2" };
const A4000 = { machineType: "A4000", region: "ca1" };
const P5000 = { machineType: "P5000", region: "ams1" };
const KEYS = [H100, A4000, P5000].map(placeKey);

function view(
  placement: { order?: "Price"; maxHourlyRate?: string },
  rates: readonly (number | undefined)[] | undefined,
) {
  const { observation, spec, related, machine } = scene();
  const candidates = [H100, A4000, P5000].map(({ machineType, region }) => ({
    machineType,
    regions: [region],
  }));
  spec.placement = { candidates, ...placement };
  related.places = Object.fromEntries(KEYS.map((key) => [key, { hint: "free" }]));
  const known = KEYS.flatMap((key, index) => (rates?.[index] === undefined ? [] : [[key, rates[index]]]));
  if (rates) related.rates = Object.fromEntries(known);
  return { observation, machine };
}

describe("the order of the candidates by price", () => {
  it("has what is not known last, since it may cost anything", () => {
    const { observation } = view({ order: "Price" }, [undefined, 0.76, 0.5]);
    expect(openCandidates(observation).map(({ machineType }) => machineType)).toEqual([
      "P5000",
      "A4000",
      "H100",
    ]);
    expect(nextRung(observation)).toEqual({ go: { ...P5000, rate: 0.5 } });
  });

  it("is the declared one among equals, and without a wish", () => {
    expect(nextRung(view({ order: "Price" }, [1, 1, 1]).observation)).toEqual({ go: { ...H100, rate: 1 } });
    expect(nextRung(view({}, [3, 2, 1]).observation)).toEqual({ go: { ...H100, rate: 3 } });
  });
});

describe("the maximum", () => {
  it("passes over what is known to cost more, and allows what costs as much or is not known", () => {
    expect(nextRung(view({ maxHourlyRate: "4.00" }, [5.95, 4]).observation)).toEqual({
      go: { ...A4000, rate: 4 },
    });
    expect(nextRung(view({ maxHourlyRate: "4.00" }, []).observation)).toEqual({ go: H100 });
    expect(nextInOrder(view({ maxHourlyRate: "4.00" }, [5.95]).observation)).toEqual(A4000);
  });

  it("is not applied before the rates were read, and nothing is read without it", () => {
    expect(nextRung(view({ maxHourlyRate: "4.00" }, undefined).observation)).toEqual({
      needs: [FACT.rates],
    });
    expect(nextRung(view({}, undefined).observation)).toEqual({ go: H100 });
  });

  it("is reported where it excludes every candidate: nothing would ever be made", () => {
    const { observation } = view({ maxHourlyRate: "0.10" }, [5.95, 0.76, 0.78]);
    const decision = createNext(observation);
    expect(decision).toMatchObject({
      step: { outcome: { kind: "Terminal", reason: REASON.RateExceeded } },
    });
    expect(JSON.stringify(decision)).toContain(
      "over maxHourlyRate 0.10: H100 in ny2 costs 5.95 an hour; A4000",
    );
  });

  it("is named beside what else stands in the way, so that the user knows all of it", () => {
    const { observation } = view({ maxHourlyRate: "4" }, [5.95]);
    observation.related = {
      ...observation.related,
      places: Object.fromEntries(KEYS.map((key) => [key, { hint: "short", retryMs: 20_000 }])),
    };
    const shown = JSON.stringify(createNext(observation));
    expect(shown).toContain("none of the candidates is free just now (A4000 in ca1, P5000 in ams1)");
    expect(shown).toContain("Not tried, since over maxHourlyRate 4: H100 in ny2 costs 5.95 an hour");
  });
});

describe("what is free once the user has no more patience", () => {
  it("is named where it is known to be free and may be had for what the user allows", () => {
    const { observation } = view({ maxHourlyRate: "4" }, [5.95]);
    observation.spec.capacity = { waitAtMost: "1h", onTimeout: "Fail" };
    observation.memory.capacity = { waitingSince: toTime(NOW - 3 * 3_600_000) };
    const places = { [placeKey(A4000)]: { hint: "free" }, [placeKey(P5000)]: { hint: "unknown" } } as const;
    observation.related = { ...observation.related, places };
    expect(JSON.stringify(createNext(observation))).toContain("Free now: A4000 in ca1. Give");
  });
});

describe("the condition RateExceeded", () => {
  it("is there where the machine shows more than the maximum, and only there", () => {
    const { observation, machine } = view({ maxHourlyRate: "4.00" }, []);
    const at = (usageRate: number | null) => rateCondition(observation, { ...machine, usageRate });
    expect([null, 0, 3.99, 4].flatMap(at)).toEqual([]);
    expect(at(4.01)).toMatchObject([{ type: "RateExceeded", status: "True", reason: "RateExceeded" }]);
  });
});

it("a rate is that of a type and region however they are written", () => {
  expect(rateKey({ machineType: "a4000", region: "East Coast (NY2)" })).toBe(
    rateKey({ machineType: "A4000", region: "ny2" }),
  );
});
