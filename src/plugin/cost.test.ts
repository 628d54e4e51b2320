import { describe, expect, it } from "vitest";
import { type CostingOptions, PluginEnv } from "../../test/plugin/plugin-env.ts";

import { TYPES } from "./kinds.ts";

const HOUR = 3_600_000;

function world(): PluginEnv {
  const plugin = new PluginEnv();
  const ago = (hours: number) => new Date(plugin.clock.now() - hours * HOUR).toISOString();
  const cost = (over: Partial<NonNullable<CostingOptions["cost"]>> = {}) => ({
    currency: "USD",
    rate: 1_000_000,
    settled: 5_001_234,
    since: ago(2),
    unknown: 250_000,
    ...over,
  });
  plugin.costing("team-a", "one", { labels: { team: "red" }, machineType: "A4000", cost: cost() });
  plugin.costing("team-a", "two", {
    machineType: "C5",
    cost: cost({
      rate: 0,
      settled: 1_000_000,
      unknown: 0,
      history: [{ ...cost(), since: ago(50), settled: 400_000, rate: 0 }],
    }),
  });
  plugin.costing("team-b", "three", {
    labels: { team: "red" },
    machineType: "A4000",
    cost: cost({ currency: "EUR" }),
  });
  plugin.costing("team-b", "new", { machineType: "C5" });
  return plugin;
}

async function shown(line: string, plugin = world()) {
  expect(await plugin.run(`${line} -o json`)).toBe(0);
  return JSON.parse(plugin.out);
}

describe("kubectl paperspace cost", () => {
  it("adds the rate since the last change, so that the figures are of now", async () => {
    const { items, totals } = await shown("cost");
    expect(items.map(({ object, spent }: { object: string; spent: number }) => [object, spent])).toEqual([
      ["psm/one", 7.001234],
      ["psm/two", 1],
    ]);
    expect(totals).toEqual([{ currency: "USD", hourlyRate: 1, spent: 8.001234, unknown: 0.25 }]);
  });

  it("rounds so that the bill is never less than what it says, nor more than that with what is unknown", async () => {
    const plugin = world();
    await plugin.run("cost");
    expect(plugin.out).toMatch(/psm\/one +A4000 +1\.0000 +7\.00 +up to \+0\.26 +USD/);
    expect(plugin.out).toMatch(/psm\/two +C5 +0\.0000 +1\.00 +0\.00 +USD/);
  });

  it("does not add amounts of different currencies", async () => {
    const { totals, groups } = await shown("cost -A --by label=team");
    expect(totals.map(({ currency }: { currency: string }) => currency)).toEqual(["USD", "EUR"]);
    expect(groups).toMatchObject([
      { group: "red", objects: 1, currency: "USD", spent: 7.001234 },
      { group: "red", objects: 1, currency: "EUR", spent: 7.001234 },
      { group: null, objects: 1, spent: 1 },
    ]);
  });

  it("sums up by namespace and by type", async () => {
    const byType = await shown("cost -A --by type");
    expect(byType.groups.map(({ group }: { group: string }) => group)).toEqual(["A4000", "A4000", "C5"]);
    const byNamespace = await shown("cost -A --by namespace");
    expect(byNamespace.groups).toMatchObject([
      { group: "team-a", objects: 2 },
      { group: "team-b", objects: 1 },
    ]);
  });

  it("counts since the beginning of a day", async () => {
    const { items } = await shown("cost --since 1d");
    expect(items[1]).toMatchObject({ object: "psm/two", spent: 0.6 });
  });

  it("says what shows no cost, so that a sum is not taken for all", async () => {
    const plugin = world();
    await plugin.run("cost -A");
    expect(plugin.err).toContain("objects that do not show what they cost, and are not counted: 1");
  });

  it("says once that rates are assumed, and names all else that the figures leave open in their line", async () => {
    const plugin = new PluginEnv();
    const cost = { rate: 1, settled: 1, unknown: 0, since: "2026-01-31T07:00:00Z" };
    const caveats = ["RatesUnconfirmed", "HistoryLost"];
    for (const name of ["a", "b"])
      plugin.costing("team-a", name, { machineType: "C5", cost: { ...cost, caveats } });
    await plugin.run("cost");
    expect(plugin.err.match(/RatesUnconfirmed/g)).toHaveLength(1);
    expect(plugin.out).toMatch(/psm\/a .* <none> +HistoryLost/);
    expect(plugin.out).not.toContain("RatesUnconfirmed");
  });

  it("does not count a status that was copied from another object, which would count its machine twice", async () => {
    const plugin = world();
    const metadata = { name: "two" };
    plugin.kube.storage.patch(TYPES.psm, "team-a", "two", { metadata, status: { uid: "another" } }, "status");
    const { items } = await shown("cost", plugin);
    expect(items).toHaveLength(1);
  });

  it("refuses what it does not know", async () => {
    const plugin = world();
    expect(await plugin.run("cost psm/one")).toBe(2);
    expect(await plugin.run("cost --by colour")).toBe(2);
    expect(plugin.err).toContain("give namespace, type, or label=KEY");
  });

  it("says that there is nothing to show", async () => {
    const plugin = new PluginEnv();
    expect(await plugin.run("cost")).toBe(0);
    expect(plugin.err).toContain("No object shows what it costs.");
  });
});
