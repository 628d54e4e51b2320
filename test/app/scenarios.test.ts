/**
 * Random scenarios in virtual time, with an API server in memory: see test/support/scenario.ts. `npm test` runs some,
 * `npm run stories` a thousand others, with a crash at every call; test/support/scenario-runs.ts documents how to
 * repeat one.
 */
import { describe, it } from "vitest";
import { ScenarioRun, scenarios } from "../support/scenario.ts";
import { everyScenario } from "../support/scenario-runs.ts";
import { VirtualDriver } from "../support/virtual-driver.ts";

const COUNT = Number(process.env.STORIES ?? 150);

describe("whatever happens", () => {
  it(`the account ends as the objects declare, in ${COUNT} scenarios`, async () => {
    await everyScenario(
      scenarios,
      COUNT,
      (scenario) => new VirtualDriver(scenario, (world) => world),
      (driver, scenario) => new ScenarioRun(driver, scenario).run(),
    );
  }, 3_600_000);
});
