import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { createCostMetrics, MOST_SERIES } from "./cost-metrics.ts";
import type { ManagedObject } from "./managed.ts";

const NOW = Date.UTC(2026, 0, 1, 10);
const box = (name: string, status: object = {}): ManagedObject => ({
  metadata: { name, namespace: "ml" },
  spec: {},
  status,
});
const COST = {
  currency: "USD",
  rate: 760_000,
  settled: 1_500_000,
  since: "2026-01-01T08:00:00Z",
  unknown: 20_000,
};

async function scraped(objects: ManagedObject[]): Promise<{ text: string; objects: ManagedObject[] }> {
  const registry = new Registry();
  createCostMetrics(registry, { now: () => NOW, objects: () => ({ paperspacemachines: objects }) });
  return { text: await registry.metrics(), objects };
}

describe("metrics by object", () => {
  it("show what each object is, and what it costs and has cost by now", async () => {
    const { text } = await scraped([
      box("a", { id: "ps1", machineType: "A4000", region: "ny2", cost: COST }),
    ]);
    const of = 'controller="paperspacemachines",namespace="ml",name="a"';
    expect(text).toContain(
      `paperspace_object_info{${of},state="unknown",machine_type="A4000",region="ny2",id="ps1"} 1`,
    );
    expect(text).toContain(`paperspace_object_hourly_rate{${of},currency="USD"} 0.76`);
    expect(text).toContain(`paperspace_object_spent{${of},currency="USD"} 3.02`);
    expect(text).toContain(`paperspace_object_spent_unknown{${of},currency="USD"} 0.02`);
  });

  it("say nothing of a cost that is not known: 0 would be a figure", async () => {
    const { text } = await scraped([box("a")]);
    expect(text).toContain("paperspace_object_info{");
    expect(text).not.toContain("paperspace_object_spent{");
  });

  it("end with their object, and are bounded", async () => {
    const registry = new Registry();
    let objects = Array.from({ length: MOST_SERIES + 7 }, (_, i) => box(`box-${i}`));
    createCostMetrics(registry, { now: () => NOW, objects: () => ({ things: objects }) });
    const series = async () => (await registry.metrics()).match(/^paperspace_object_info\{/gm)?.length;
    expect(await series()).toBe(MOST_SERIES);
    objects = objects.slice(0, 1);
    expect(await series()).toBe(1);
  });
});
