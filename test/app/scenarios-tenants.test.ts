/**
 * Random scenarios of several tenants under one operator, one of them hostile, in virtual time: as scenarios.test.ts, with
 * judges over all that happens (test/support/scenario/tenants-run.ts).
 */
import { describe, it } from "vitest";
import type { PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import type { PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import { DEPLOYMENT_SCENARIOS } from "../support/scenario/deployments.ts";
import { everyScenario } from "../support/scenario/every-scenario.ts";
import { SEVERAL, scenariosOf } from "../support/scenario/kind.ts";
import { MACHINE_SCENARIOS } from "../support/scenario/machines.ts";
import { TenantsDriver } from "../support/scenario/tenants-driver.ts";
import { runAmongTenants } from "../support/scenario/tenants-run.ts";
import { AMONG_TENANTS } from "../support/scenario/tenants-steps.ts";

/** One takes four times as long as a scenario with one tenant, and so there are fewer where nobody asks for more. */
const COUNT = process.env.TENANT_STORIES ?? process.env.STORIES;
const MACHINES = Number(COUNT ?? 6);
const DEPLOYMENTS = Math.ceil(Number(COUNT ?? 8) / 4);
const LATENCIES_MS = [0, 10, 50];

const among = <K extends { frequencies: Readonly<Record<string, number>> }>(kind: K): K => ({
  ...kind,
  frequencies: { ...kind.frequencies, ...AMONG_TENANTS },
});

describe("whatever happens among several tenants", () => {
  it(`each has its machines, whatever the hostile one writes, in ${MACHINES} scenarios`, async () => {
    await everyScenario(
      scenariosOf(among(MACHINE_SCENARIOS), SEVERAL, LATENCIES_MS),
      MACHINES,
      (scenario) => new TenantsDriver<PaperspaceMachine>(scenario, MACHINE_SCENARIOS, (world) => world),
      (driver, scenario) => runAmongTenants(MACHINE_SCENARIOS, driver, scenario),
    );
  }, 3_600_000);

  it(`each has its deployments, whatever the hostile one writes, in ${DEPLOYMENTS} scenarios`, async () => {
    await everyScenario(
      scenariosOf(among(DEPLOYMENT_SCENARIOS), SEVERAL, LATENCIES_MS),
      DEPLOYMENTS,
      (scenario) =>
        new TenantsDriver<PaperspaceDeployment>(
          scenario,
          DEPLOYMENT_SCENARIOS,
          ({ deployments }) => deployments,
        ),
      (driver, scenario) => runAmongTenants(DEPLOYMENT_SCENARIOS, driver, scenario),
    );
  }, 3_600_000);
});
