/**
 * Random stories on the real API server, some of those that test/app/scenarios.test.ts tells in virtual time: what the API
 * server in memory is believed to do is what the real one does. REAL_STORIES plays more.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RealDriver } from "./support/real-driver.ts";
import { ScenarioRun, scenarios } from "./support/scenario.ts";

const COUNT = Number(process.env.REAL_STORIES ?? 20);
const SEED = Number(process.env.STORY_SEED ?? 1);

describe("whatever happens", () => {
  const sampled = fc.sample(scenarios, { numRuns: COUNT, seed: SEED });

  test.concurrent.for(sampled.map((scenario, i) => ({ i, scenario })))(
    "story $i ends with the account as the objects say",
    { timeout: 300_000 },
    async ({ scenario }) => {
      const driver = await RealDriver.open(scenario);
      try {
        await new ScenarioRun(driver, scenario).run();
      } catch (error) {
        throw new Error(JSON.stringify(scenario), { cause: error });
      } finally {
        await driver.close();
      }
    },
  );

  test("there were stories", () => expect(sampled).toHaveLength(COUNT));
});
