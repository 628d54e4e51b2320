/**
 * Random stories on the real API server, some of those that test/app/scenarios.test.ts tells in virtual time: what the API
 * server in memory is believed to do is what the real one does. REAL_STORIES plays more.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RealStage } from "./support/real-driver.ts";
import { Story, scenarios } from "./support/scenario.ts";

const STORIES = Number(process.env.REAL_STORIES ?? 20);
const SEED = Number(process.env.STORY_SEED ?? 1);

describe("whatever happens", () => {
  const told = fc.sample(scenarios, { numRuns: STORIES, seed: SEED });

  test.concurrent.for(told.map((scenario, i) => ({ i, scenario })))(
    "story $i ends with the account as the objects say",
    { timeout: 300_000 },
    async ({ scenario }) => {
      const stage = await RealStage.open(scenario);
      try {
        await new Story(stage, scenario).play();
      } catch (error) {
        throw new Error(JSON.stringify(scenario), { cause: error });
      } finally {
        await stage.close();
      }
    },
  );

  test("there were stories", () => expect(told).toHaveLength(STORIES));
});
