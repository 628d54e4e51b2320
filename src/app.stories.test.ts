/**
 * Random stories in virtual time, with an API server in memory: see test/support/story.ts. `npm test` plays some,
 * `npm run stories` a thousand, with a death at every call; STORY_SEED with STORY_PATH, from the message of a failure, plays one again.
 */
import fc from "fast-check";
import { describe, it } from "vitest";
import { Story, scenarios } from "../test/support/story.ts";
import { VirtualStage } from "../test/support/virtual-stage.ts";

const STORIES = Number(process.env.STORIES ?? 150);

describe("whatever happens", () => {
  it(`the account ends as the objects say, in ${STORIES} stories`, async () => {
    const told = fc.asyncProperty(scenarios, (scenario) =>
      new Story(new VirtualStage(scenario, (world) => world), scenario).play(),
    );
    const { STORY_SEED: seed, STORY_PATH: path } = process.env;
    await fc.assert(told, {
      numRuns: STORIES,
      ...(seed && { seed: Number(seed) }),
      ...(path && { path }),
    });
  }, 3_600_000);
});
