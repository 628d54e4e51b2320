import { Registry } from "prom-client";
import { beforeEach, describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { type ApiMetrics, createApiMetrics } from "./metrics.ts";

const MINUTE = 60_000;

let clock: VirtualClock;
let registry: Registry;
let metrics: ApiMetrics;

function setUp(teamLabels = false): void {
  clock = new VirtualClock();
  registry = new Registry();
  metrics = createApiMetrics(registry, { clock, teamLabels });
}
beforeEach(() => setUp());

async function valuesOf(name: string) {
  const { values } = (await registry.getSingleMetric(name)?.get()) ?? { values: [] };
  return values.map(({ value, labels }) => [value, labels]);
}

describe("how long the API cannot be reached", () => {
  const send = (outcome: string) => metrics.request("GET", "/machines", outcome, 1);
  const seconds = async () => (await valuesOf("paperspace_api_unreachable_seconds"))[0]?.[0];

  it("counts while no request is answered, whatever the reason", async () => {
    for (const outcome of ["PS_CONNECTION", "PS_TIMEOUT", "PS_CONNECTION"]) {
      send(outcome);
      await clock.advance(5 * MINUTE);
    }
    expect(await seconds()).toBe(600);
  });

  it.each(["200", "401", "429", "503", "PS_TRUNCATED"])(
    "ends with any answer, even one that refuses or breaks off: %s",
    async (outcome) => {
      send("PS_CONNECTION");
      await clock.advance(10 * MINUTE);
      send("PS_CONNECTION");
      expect(await seconds()).toBe(600);
      send(outcome);
      expect(await seconds()).toBe(0);
    },
  );

  it("is not known, and so 0, once nothing has been sent for an hour", async () => {
    send("PS_CONNECTION");
    await clock.advance(10 * MINUTE);
    send("PS_CONNECTION");
    await clock.advance(59 * MINUTE);
    expect(await seconds()).toBe(600);
    await clock.advance(MINUTE);
    expect(await seconds()).toBe(0);
  });
});

describe("what is about one team", () => {
  function fill(): void {
    for (const [team, rate] of [
      ["te-a", 5],
      ["te-b", 2],
    ] as const) {
      const hooks = metrics.throttle(team);
      hooks.rateLimited?.();
      hooks.rateChanged?.(rate);
    }
  }

  it("shows no team by default: who reads metrics need not know whose accounts there are", async () => {
    fill();
    expect(await valuesOf("paperspace_api_rate_limited_total")).toEqual([[2, {}]]);
    expect(await valuesOf("paperspace_api_throttle_rate")).toEqual([[2, {}]]);
    metrics.forget("te-b");
    expect(await valuesOf("paperspace_api_throttle_rate")).toEqual([[5, {}]]);
    expect(await registry.metrics()).not.toContain("te-");
  });

  it("has the team as a label where that is asked for, as long as a key gives access to it", async () => {
    setUp(true);
    fill();
    expect(await valuesOf("paperspace_api_throttle_rate")).toEqual([
      [5, { team: "te-a" }],
      [2, { team: "te-b" }],
    ]);
    metrics.forget("te-a");
    expect(await valuesOf("paperspace_api_rate_limited_total")).toEqual([[1, { team: "te-b" }]]);
    expect(await valuesOf("paperspace_api_throttle_rate")).toEqual([[2, { team: "te-b" }]]);
  });
});
