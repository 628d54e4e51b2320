/**
 * Random stories in virtual time, with an API server in memory: see test/support/story.ts. `npm test` plays some,
 * `npm run stories` a thousand others, with a death at every call; test/support/told.ts says how one is played again.
 */
import { describe, it } from "vitest";
import { ScenarioRun, scenarios } from "../support/scenario.ts";
import { everyScenario } from "../support/scenario-runs.ts";
import { VirtualDriver } from "../support/virtual-driver.ts";

const COUNT = Number(process.env.STORIES ?? 150);

describe("whatever happens", () => {
  it(`the account ends as the objects say, in ${COUNT} stories`, async () => {
    await everyScenario(
      scenarios,
      COUNT,
      (scenario) => new VirtualDriver(scenario, (world) => world),
      (driver, scenario) => new ScenarioRun(driver, scenario).run(),
    );
  }, 3_600_000);
});
