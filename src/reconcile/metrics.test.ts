import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { createObjectMetrics } from "./metrics.ts";

const object = (...conditions: string[]) => ({
  metadata: { name: "box" },
  spec: {},
  status: {
    conditions: conditions.map((type) => ({
      type,
      status: "True" as const,
      reason: "Because",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    })),
  },
});

describe("paperspace_objects", () => {
  it("counts each object once, by its most important state: alerts rely on stalled", async () => {
    const registry = new Registry();
    const objects = [
      object("Ready"),
      object("Reconciling"),
      object("Stalled"),
      object("Ready", "Paused"),
      object("Ready", "Observed"),
      object(),
    ];
    createObjectMetrics(registry).count("things", { objects: () => objects, unowned: () => 2 });
    const text = await registry.metrics();
    for (const state of ["ready", "reconciling", "stalled", "observed", "paused", "unknown"])
      expect(text).toContain(`paperspace_objects{controller="things",state="${state}"} 1`);
    expect(text).toContain(`paperspace_unowned_resources{controller="things"} 2`);
    objects.length = 1;
    expect(await registry.metrics()).toContain(`paperspace_objects{controller="things",state="stalled"} 0`);
  });
});

describe("paperspace_stalled_object", () => {
  it("names each object that is stalled, and drops it once it is not: an alert has to say which", async () => {
    const registry = new Registry();
    const named = (name: string, condition: string) => ({
      ...object(condition),
      metadata: { name, namespace: "ml" },
    });
    const objects = [named("a", "Stalled"), named("b", "Ready")];
    createObjectMetrics(registry).count("things", { objects: () => objects, unowned: () => 0 });
    const series = async () =>
      (await registry.metrics()).split("\n").filter((line) => line.startsWith("paperspace_stalled_object{"));
    expect(await series()).toEqual(['paperspace_stalled_object{controller="things",object="ml/a"} 1']);
    objects.shift();
    expect(await series()).toEqual([]);
    objects.push(...Array.from({ length: 1_000 }, (_, i) => named(`c${i}`, "Stalled")));
    expect(await series()).toHaveLength(100);
  });
});

describe("paperspace_leaked_objects_total", () => {
  it("exists before the first leak, so that an alert sees the increase", async () => {
    const registry = new Registry();
    const metrics = createObjectMetrics(registry);
    metrics.count("things", { objects: () => [], unowned: () => 0 });
    expect(await registry.metrics()).toContain(`paperspace_leaked_objects_total{controller="things"} 0`);
    metrics.leaked("things");
    expect(await registry.metrics()).toContain(`paperspace_leaked_objects_total{controller="things"} 1`);
  });
});
