/**
 * Random scenarios on the real API server, some of those that test/app/scenarios.test.ts runs in virtual time: the API
 * server in memory behaves like the real one. REAL_STORIES sets how many.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RealDriver } from "./support/real-driver.ts";
import { ALONE, scenariosOf } from "./support/scenario/kind.ts";
import { MACHINE_SCENARIOS } from "./support/scenario/machines.ts";
import { runScenario } from "./support/scenario/run.ts";

const COUNT = Number(process.env.REAL_STORIES ?? 20);
const SEED = Number(process.env.STORY_SEED ?? 1);
/** After a shortage hardware is left alone for minutes, which only virtual time has. */
const SHORTAGES: ReadonlySet<string> = new Set([
  "hardware comes and goes",
  "hints lie",
  "a shortage lasts",
  "used while nobody looks",
]);

describe("whatever happens", () => {
  const drawn = fc.sample(scenariosOf(MACHINE_SCENARIOS, ALONE), { numRuns: COUNT, seed: SEED });
  const sampled = drawn.map(({ steps, ...scenario }) => ({
    ...scenario,
    steps: steps.filter(({ what }) => !SHORTAGES.has(what)),
  }));

  test.concurrent.for(sampled.map((scenario, i) => ({ i, scenario })))(
    "scenario $i ends with the account as the objects declare",
    { timeout: 300_000 },
    async ({ scenario }) => {
      const driver = await RealDriver.open(scenario);
      try {
        await runScenario(MACHINE_SCENARIOS, driver, scenario);
      } catch (error) {
        throw new Error(JSON.stringify(scenario), { cause: error });
      } finally {
        await driver.close();
      }
    },
  );

  test("there were scenarios", () => expect(sampled).toHaveLength(COUNT));
});
