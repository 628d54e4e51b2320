/**
 * Random scenarios of machines in virtual time, with an API server in memory: see test/support/scenario/. `npm test` runs
 * some, `npm run stories` a thousand others, with a crash at every call; test/support/scenario/every-scenario.ts documents
 * how to repeat one.
 */
import { describe, it } from "vitest";
import { everyScenario } from "../support/scenario/every-scenario.ts";
import { ALONE, scenariosOf } from "../support/scenario/kind.ts";
import { MACHINE_SCENARIOS } from "../support/scenario/machines.ts";
import { runScenario } from "../support/scenario/run.ts";
import { VirtualDriver } from "../support/scenario/virtual-driver.ts";

const COUNT = Number(process.env.STORIES ?? 60);

describe("whatever happens", () => {
  it(`the account ends as the objects declare, in ${COUNT} scenarios`, async () => {
    await everyScenario(
      scenariosOf(MACHINE_SCENARIOS, ALONE),
      COUNT,
      (scenario) => new VirtualDriver(scenario, (world) => world),
      (driver, scenario) => runScenario(MACHINE_SCENARIOS, driver, scenario),
    );
  }, 3_600_000);
});
