/** What can happen where several tenants share an operator, beyond what can happen to one. */
import type { ManagedObject } from "../../../src/reconcile/managed.ts";
import { Dice } from "./dice.ts";
import { namespaceOf } from "./driver.ts";
import { HOSTILE, performHostileStep } from "./hostile-steps.ts";
import type { Actors, ScenarioKind, ScenarioStep } from "./kind.ts";
import { performStep } from "./shared-steps.ts";
import type { TenantsDriver } from "./tenants-driver.ts";

const HOUR = 60 * 60_000;
/** A second Secret with an API key of the same team. */
const SPARE = "spare-key";

export const AMONG_TENANTS = {
  ...HOSTILE,
  "replace by force": 2,
  "the clock jumps": 1,
  "the API key changes": 1,
  "another Secret": 1,
  // A quota that is raised again is not noticed yet.
  quota: 0,
  "a team is throttled": 1,
};

export async function performAmongTenants<O extends ManagedObject>(
  driver: TenantsDriver<O>,
  kind: Pick<ScenarioKind<O, never>, "resources">,
  actors: Actors<O>,
  step: ScenarioStep,
): Promise<void> {
  const { what, who, dice: seed } = step;
  const dice = new Dice(seed);
  const object = driver.get(who);
  const namespace = namespaceOf(who);
  const tenant = driver.tenants.find((one) => one.namespace === namespace);
  if (!tenant) return;
  if (what in HOSTILE) {
    const { tenants } = driver;
    return performHostileStep(driver, actors, { what, tenants, resources: kind.resources(driver.sim), dice });
  }
  switch (what) {
    case "replace by force":
      if (!object) return;
      if (!object.metadata.deletionTimestamp) await actors.deleting?.(who, object);
      return driver.replace(who, actors.spec(who, dice));
    case "the clock jumps":
      return driver.setClockAhead(dice.of(-HOUR, 0, HOUR));
    case "the API key changes":
      return driver.setKey(namespace, dice.of(...tenant.apiKeys, ...tenant.apiKeys, "rubbish"));
    case "another Secret":
      driver.setKey(namespace, dice.of(...tenant.apiKeys), SPARE);
      return object && driver.edit(who, { spec: { credentialsSecretRef: dice.of({ name: SPARE }, null) } });
    case "quota":
      return driver.sim.console.setQuota(tenant.team, dice.of(0, 1, 2, 100));
    case "a team is throttled":
      return void driver.sim.faults.add({
        match: { team: tenant.team, times: dice.of(5, 20, 50) },
        do: { status: 429 },
      });
    default:
      return performStep(driver, actors, step);
  }
}
