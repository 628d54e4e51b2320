import { describe, expect, it } from "vitest";
import { decodeMetrics } from "./series.ts";

const T0 = "2026-01-31T08:00:00.000Z";
const T1 = "2026-01-31T08:01:00.000Z";
const sample = (timestamp: string, value: string, number?: number) => ({
  timestamp,
  value,
  at: Date.parse(timestamp),
  number: number ?? Number(value),
});

describe("the three shapes, distinguished by their structure", () => {
  it("A: one object", () => {
    expect(decodeMetrics({ timestamp: T0, value: "48211" })).toEqual([{ samples: [sample(T0, "48211")] }]);
  });

  it("B: a list of values, by instance and GPU, brought into the order of time", () => {
    expect(
      decodeMetrics([
        { timestamp: T1, value: "2", instanceId: "i-1", gpu: "0" },
        { timestamp: T0, value: "9", instanceId: "i-1", gpu: "1" },
        { timestamp: T0, value: "1", instanceId: "i-1", gpu: "0" },
      ]),
    ).toEqual([
      { instanceId: "i-1", gpu: "0", samples: [sample(T0, "1"), sample(T1, "2")] },
      { instanceId: "i-1", gpu: "1", samples: [sample(T0, "9")] },
    ]);
    expect(decodeMetrics([{ timestamp: T0, value: "1" }])).toEqual([{ samples: [sample(T0, "1")] }]);
  });

  it("C: a list of instances with their values, also one that has none yet", () => {
    expect(
      decodeMetrics([
        { instanceId: "i-1", values: [{ timestamp: T0, value: "0.5" }] },
        { instanceId: "i-2", values: [] },
      ]),
    ).toEqual([
      { instanceId: "i-1", samples: [sample(T0, "0.5")] },
      { instanceId: "i-2", samples: [] },
    ]);
  });

  it("an empty list has no series, and is no error", () => {
    expect(decodeMetrics([])).toEqual([]);
  });

  it.each([[null], ["x"], [3], [{}], [{ value: "1" }], [[null]], [[{ a: 1 }]], [["x", 3]]])(
    "%j is an unknown form",
    (body) => {
      expect(decodeMetrics(body)).toBeUndefined();
    },
  );
});

describe("values", () => {
  it.each([
    ["NaN", undefined],
    ["", undefined],
    [" ", undefined],
    ["+Inf", undefined],
    ["-Infinity", undefined],
    ["n/a", undefined],
    ["0x10", undefined],
    ["1,5", undefined],
    ["1e999", undefined],
    ["12 %", undefined],
    ["-1.5e3", -1500],
    [".5", 0.5],
    [" 7 ", 7],
    ["0", 0],
  ])("%j is kept as it came, and counts as %j", (value, number) => {
    expect(decodeMetrics({ timestamp: T0, value })?.[0]?.samples[0]).toMatchObject({ value, number });
  });

  it("that are not text are accepted as well, and null is a gap", () => {
    expect(decodeMetrics({ timestamp: T0, value: 3 })?.[0]?.samples[0]).toMatchObject({
      value: "3",
      number: 3,
    });
    expect(decodeMetrics({ timestamp: T0, value: null })?.[0]?.samples[0]).toMatchObject({
      value: "",
      number: undefined,
    });
  });

  it("with an unreadable time are kept, at the end", () => {
    const series = decodeMetrics([
      { timestamp: "soon", value: "2" },
      { timestamp: T0, value: "1" },
    ]);
    expect(series?.[0]?.samples.map(({ value, at }) => [value, at])).toEqual([
      ["1", Date.parse(T0)],
      ["2", undefined],
    ]);
  });
});
