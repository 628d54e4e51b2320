/**
 * Random stories of deployments in virtual time: see test/support/story-deployments.ts. `npm test` plays some, `npm run
 * stories` more and others; test/support/told.ts says how one is played again.
 */
import { describe, it } from "vitest";
import { DeploymentScenarioRun, deploymentScenarios } from "../support/scenario-deployments.ts";
import { everyScenario } from "../support/scenario-runs.ts";
import { VirtualDriver } from "../support/virtual-driver.ts";

/** A quarter of what is asked for: one takes four times as long to play as a story of machines. */
const COUNT = Math.ceil(Number(process.env.STORIES ?? 200) / 4);

describe("whatever happens to deployments", () => {
  it(`each object has its own and says the truth of it in the end, in ${COUNT} stories`, async () => {
    await everyScenario(
      deploymentScenarios,
      COUNT,
      (scenario) => new VirtualDriver(scenario, ({ deployments }) => deployments),
      (driver, scenario) => new DeploymentScenarioRun(driver, scenario).run(),
    );
  }, 3_600_000);
});
