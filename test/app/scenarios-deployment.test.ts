/**
 * Random scenarios of deployments in virtual time: see test/support/scenario-deployments.ts. `npm test` runs some, `npm
 * run stories` more and others; test/support/scenario-runs.ts documents how to repeat one.
 */
import { describe, it } from "vitest";
import { DeploymentScenarioRun, deploymentScenarios } from "../support/scenario-deployments.ts";
import { everyScenario } from "../support/scenario-runs.ts";
import { VirtualDriver } from "../support/virtual-driver.ts";

/** A quarter of STORIES: one takes four times as long as a scenario of machines. */
const COUNT = Math.ceil(Number(process.env.STORIES ?? 200) / 4);

describe("whatever happens to deployments", () => {
  it(`each object has its own and reports it correctly in the end, in ${COUNT} scenarios`, async () => {
    await everyScenario(
      deploymentScenarios,
      COUNT,
      (scenario) => new VirtualDriver(scenario, ({ deployments }) => deployments),
      (driver, scenario) => new DeploymentScenarioRun(driver, scenario).run(),
    );
  }, 3_600_000);
});
