import { describe, expect, it } from "vitest";
import { setUpDeployments } from "../../../test/simulator/deployments.ts";
import { METRICS, type Metric, TIMEFRAMES } from "./metrics.ts";

interface Point {
  timestamp: string;
  value: string;
}

const setUp = (...args: Parameters<typeof setUpDeployments>) => {
  const parts = setUpDeployments(...args);
  const metric = <T>(id: string, name: Metric, timeframe?: string) => {
    const query = timeframe ? `&timeframe=${timeframe}` : "";
    return parts.ok<T>("GET", `/deployments/${id}/metrics?metric=${name}${query}`);
  };
  return { ...parts, metric };
};

describe("metrics of a deployment", () => {
  it("come in three shapes, each with values that are texts", async () => {
    const { clock, applied, metric, runs } = setUp();
    const id = await applied({ resources: { machineType: "A100-80Gx8", ports: [80], replicas: 1 } });
    await clock.advance(600_000);
    const instanceId = (await runs(id))[0]?.instances[0]?.instanceId;
    expect(await metric(id, "requests_total")).toEqual({
      timestamp: expect.any(String),
      value: expect.stringMatching(/^\d+$/),
    });
    for (const name of ["requests_per_second", "requests_duration_seconds_5m"] as const) {
      const points = await metric<Point[]>(id, name);
      expect(points.length).toBeGreaterThan(5);
      for (const point of points) expect(Number(point.value)).toBeGreaterThan(0);
      expect(points[0]).not.toHaveProperty("instanceId");
    }
    const gpus = await metric<(Point & { gpu: string })[]>(id, "gpu");
    expect(new Set(gpus.map((p) => p.gpu)).size).toBe(8);
    expect(gpus[0]).toMatchObject({ instanceId });
    for (const name of ["cpu", "memory"] as const) {
      expect(await metric(id, name)).toMatchObject([{ instanceId, values: expect.any(Array) }]);
    }
  });

  it("are the same for the same request, and a request changes nothing", async () => {
    const { clock, applied, apply, metric } = setUp();
    const one = await applied();
    await clock.advance(600_000);
    const first = await metric(one, "cpu");
    expect(await metric(one, "cpu")).toEqual(first);
    const next = await apply({ name: "two" });
    const again = setUp();
    await again.applied();
    await again.clock.advance(600_000);
    expect(await again.apply({ name: "two" })).toBe(next);
  });

  it("reach back as far as the timeframe, but not to before there was anything", async () => {
    const { clock, applied, metric } = setUp();
    const id = await applied();
    await clock.advance(15 * 24 * 3_600_000);
    const counts = [];
    for (const timeframe of TIMEFRAMES) {
      counts.push((await metric<Point[]>(id, "requests_per_second", timeframe)).length);
    }
    expect(counts).toEqual([60, 72, 96, 168, 168]);
    const young = await applied({ name: "young" });
    expect((await metric<Point[]>(young, "requests_per_second")).length).toBeLessThan(3);
  });

  it("are of nothing where there are no instances or no accelerators", async () => {
    const { applied, metric } = setUp();
    const id = await applied();
    expect(await metric(id, "gpu")).toEqual([]);
    await applied({ enabled: false });
    for (const name of ["cpu", "memory", "requests_per_second"] as const)
      expect(await metric(id, name)).toEqual([]);
  });

  it.each([
    ["NaN", "NaN"],
    ["empty", ""],
    ["+Inf", "+Inf"],
  ] as const)("may be no figures at all: %s", async (metricValues, text) => {
    const { applied, metric } = setUp({ metricValues });
    const id = await applied();
    expect(await metric(id, "requests_total")).toMatchObject({ value: text });
    expect((await metric<Point[]>(id, "requests_per_second")).map((p) => p.value)).toContain(text);
  });

  it("may be an empty array for any request, as in the documents' sample", async () => {
    const { applied, metric } = setUp({ metricPoints: "none" });
    const id = await applied();
    for (const name of METRICS) expect(await metric(id, name)).toEqual([]);
  });

  it("may be set by hand, one by one", async () => {
    const { clock, applied, metric, sim } = setUp();
    const id = await applied();
    await clock.advance(120_000);
    const { deployments } = sim.console;
    deployments.setMetric(id, "requests_total", ["-1"]);
    deployments.setMetric(id, "requests_per_second", ["1", "", "NaN"]);
    deployments.setMetric(id, "cpu", []);
    expect(await metric(id, "requests_total")).toMatchObject({ value: "-1" });
    const values = (await metric<Point[]>(id, "requests_per_second")).map((p) => p.value);
    expect(values.slice(0, 3)).toEqual(["1", "", "NaN"]);
    expect(await metric(id, "cpu")).toEqual([]);
    deployments.setMetric(id, "cpu", null);
    expect(await metric(id, "cpu")).toHaveLength(2);
  });
});
