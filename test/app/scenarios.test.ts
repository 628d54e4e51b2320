/**
 * Random stories in virtual time, with an API server in memory: see test/support/story.ts. `npm test` plays some,
 * `npm run stories` a thousand others, with a death at every call; test/support/told.ts says how one is played again.
 */
import { describe, it } from "vitest";
import { Story, scenarios } from "../support/scenario.ts";
import { everyStory } from "../support/scenario-runs.ts";
import { VirtualStage } from "../support/virtual-driver.ts";

const STORIES = Number(process.env.STORIES ?? 150);

describe("whatever happens", () => {
  it(`the account ends as the objects say, in ${STORIES} stories`, async () => {
    await everyStory(
      scenarios,
      STORIES,
      (scenario) => new VirtualStage(scenario, (world) => world),
      (stage, scenario) => new Story(stage, scenario).play(),
    );
  }, 3_600_000);
});
