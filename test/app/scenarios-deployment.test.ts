/** Random scenarios of deployments in virtual time: as scenarios.test.ts, which is about machines. */
import { describe, it } from "vitest";
import { DEPLOYMENT_SCENARIOS } from "../support/scenario/deployments.ts";
import { everyScenario } from "../support/scenario/every-scenario.ts";
import { ALONE, scenariosOf } from "../support/scenario/kind.ts";
import { runScenario } from "../support/scenario/run.ts";
import { VirtualDriver } from "../support/scenario/virtual-driver.ts";

/** A quarter of STORIES: one takes four times as long as a scenario of machines. */
const COUNT = Math.ceil(Number(process.env.STORIES ?? 100) / 4);

describe("whatever happens to deployments", () => {
  it(`each object has its own and reports it correctly in the end, in ${COUNT} scenarios`, async () => {
    await everyScenario(
      scenariosOf(DEPLOYMENT_SCENARIOS, ALONE),
      COUNT,
      (scenario) => new VirtualDriver(scenario, ({ deployments }) => deployments),
      (driver, scenario) => runScenario(DEPLOYMENT_SCENARIOS, driver, scenario),
    );
  }, 3_600_000);
});
