/**
 * Random stories of deployments in virtual time: see test/support/story-deployments.ts. `npm test` plays some, `npm run
 * stories` more and others; test/support/told.ts says how one is played again.
 */
import { describe, it } from "vitest";
import { DeploymentStory, deploymentScenarios } from "../support/scenario-deployments.ts";
import { everyStory } from "../support/scenario-runs.ts";
import { VirtualStage } from "../support/virtual-driver.ts";

/** A quarter of what is asked for: one takes four times as long to play as a story of machines. */
const STORIES = Math.ceil(Number(process.env.STORIES ?? 200) / 4);

describe("whatever happens to deployments", () => {
  it(`each object has its own and says the truth of it in the end, in ${STORIES} stories`, async () => {
    await everyStory(
      deploymentScenarios,
      STORIES,
      (scenario) => new VirtualStage(scenario, ({ deployments }) => deployments),
      (stage, scenario) => new DeploymentStory(stage, scenario).play(),
    );
  }, 3_600_000);
});
