/** Each scenario in its least size. What it measures depends on the host, so nothing of that is checked. */
import { expect, inject, it } from "vitest";
import { isMissed } from "./figures.ts";
import { ours } from "./operator.ts";
import { markdownOf, textOf } from "./report.ts";
import { runAll } from "./runner.ts";
import { SCENARIOS } from "./scenarios.ts";

/** Which has a test of its own (hostile.process.test.ts), since it starts a control plane. */
const OWN = ["hostile"];

it.each(SCENARIOS.filter(({ name }) => !OWN.includes(name)))(
  "$name runs, and measures all that it reports",
  async (scenario) => {
    const kubeconfig = inject("kubeconfig");
    const cluster = async () => ({ kubeconfig, stop: async () => {} });
    const plan = { scenarios: [scenario], isSmall: true, runs: 1, operators: [ours()], cluster };
    const results = await runAll(plan, AbortSignal.timeout(100_000));
    const figures = results.flatMap(({ operators }) => operators).flatMap((each) => each.figures);
    expect(figures.length).toBeGreaterThan(0);
    if (process.platform === "linux")
      expect(figures.filter(({ value }) => !Number.isFinite(value)).map(({ what }) => what)).toEqual([]);
    expect(results.map(textOf).join()).toContain(scenario.name);
    expect(markdownOf(results, scenario.name).match(/ ✗ /g)?.length ?? 0).toBe(
      figures.filter(isMissed).length,
    );
  },
);
