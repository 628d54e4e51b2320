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
  quota: 1,
  "a team is throttled": 1,
  "adopts what nobody owns": 2,
  "leaves it behind": 1,
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
    case "adopts what nobody owns": {
      if (object) return;
      const free = kind
        .resources(driver.sim)
        .filter(({ id, team, isAlive }) => team === tenant.team && isAlive && driver.ownership.isFree(id));
      const adoptId = dice.of(...free.map(({ id }) => id), actors.makeForeign(who, dice));
      const spec = actors.adoptable(adoptId, actors.spec(who, dice));
      return driver.apply(who, { ...spec, adoptId, onExternalDeletion: "Stall" });
    }
    case "leaves it behind":
      if (!object || object.metadata.deletionTimestamp) return;
      await driver.edit(who, { spec: { deletionPolicy: "Orphan" } });
      await actors.deleting?.(who, object);
      return driver.delete(who);
    default:
      return performStep(driver, actors, step);
  }
}
