/**
 * Random stories of deployments in virtual time: see test/support/story-deployments.ts. `npm test` plays some, `npm run
 * stories` more; STORY_SEED with STORY_PATH, from the message of a failure, plays one again.
 */
import fc from "fast-check";
import { describe, it } from "vitest";
import { DeploymentStory, deploymentScenarios } from "../test/support/story-deployments.ts";
import { VirtualStage } from "../test/support/virtual-stage.ts";

/** A quarter of what is asked for: one takes four times as long to play as a story of machines. */
const STORIES = Math.ceil(Number(process.env.STORIES ?? 200) / 4);

describe("whatever happens to deployments", () => {
  it(`each object has its own and says the truth of it in the end, in ${STORIES} stories`, async () => {
    const told = fc.asyncProperty(deploymentScenarios, (scenario) =>
      new DeploymentStory(new VirtualStage(scenario, ({ deployments }) => deployments), scenario).play(),
    );
    const { STORY_SEED: seed, STORY_PATH: path } = process.env;
    await fc.assert(told, {
      numRuns: STORIES,
      ...(seed && { seed: Number(seed) }),
      ...(path && { path }),
    });
  }, 3_600_000);
});
