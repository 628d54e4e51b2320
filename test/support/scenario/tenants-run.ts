/**
 * Runs a random scenario of several tenants, one of them hostile, under the judges. In the end those that are not hostile
 * have what they declare, whatever the hostile one holds; it goes, and they keep it; then nothing is left of them either.
 */
import type { ManagedObject } from "../../../src/reconcile/managed.ts";
import { ANNOTATION } from "../../../src/reconcile/record.ts";
import { keysOf, type Scenario, type ScenarioKind } from "./kind.ts";
import { checkNewcomer, checkNothingHeld } from "./newcomer.ts";
import { UNRESTRICTED } from "./restrictions.ts";
import { calm, converge, deleteAll, performAll } from "./run.ts";
import { spendingOf } from "./spending.ts";
import type { TenantsDriver } from "./tenants-driver.ts";
import { performAmongTenants } from "./tenants-steps.ts";

const MINUTE = 60_000;
/** For each object, in an hour in which nothing happens: stalled ones retry every ten minutes. */
const CALLS_AT_REST = 60;
const WRITES_AT_REST = 20;
/** Of these about one resource: one of which the last rollout failed is looked at twice a minute. */
const CALLS_OF_ONE = 130;
/** It takes as long as the scenario itself. */
const HELD_EVERY = 8;

export async function runAmongTenants<O extends ManagedObject, D extends TenantsDriver<O>>(
  kind: ScenarioKind<O, D>,
  driver: D,
  { seed, steps }: Scenario,
): Promise<void> {
  const { tenants } = driver;
  const honest = keysOf(tenants.filter(({ isHostile }) => !isHostile));
  const hostile = keysOf(tenants.filter(({ isHostile }) => isHostile));
  const actors = kind.actors(driver, tenants);
  await performAll(driver, actors, steps, (step) => performAmongTenants(driver, kind, actors, step));
  for (const { namespace } of tenants) await driver.label(namespace, UNRESTRICTED.labels);
  await checkNewcomer(kind, driver, actors);
  for (const tenant of tenants) {
    driver.restoreKey(tenant);
    driver.sim.console.setQuota(tenant.team, 100);
  }
  const { paused, dryRun } = ANNOTATION;
  const patch = {
    metadata: { annotations: { [paused]: null, [dryRun]: null } },
    spec: { ...UNRESTRICTED.spec, credentialsSecretRef: null },
  };
  for (const key of keysOf(tenants)) if (driver.get(key)) await driver.edit(key, patch);
  await calm(driver, actors, honest);
  await converge(driver, actors, honest);
  await rest(driver, keysOf(tenants).length);

  const owned = idsOf(driver, honest);
  await deleteAll(driver, actors, hostile);
  await driver.pass(15 * MINUTE);
  await converge(driver, actors, honest);
  if (idsOf(driver, honest).join() !== owned.join())
    throw new Error(`${owned} have become ${idsOf(driver, honest)} with the end of the hostile objects`);
  checkNothingLeaked(kind, driver, owned);
  await deleteAll(driver, actors, honest);
  checkNothingLeaked(kind, driver, []);
  if (seed % HELD_EVERY === 0) await checkNothingHeld(driver, actors);
}

function idsOf<O extends ManagedObject>(driver: TenantsDriver<O>, keys: readonly string[]): string[] {
  return keys.flatMap((key) => driver.get(key)?.status?.id ?? []);
}

async function rest<O extends ManagedObject>(driver: TenantsDriver<O>, objects: number): Promise<void> {
  await driver.pass(30 * MINUTE);
  const { calls, writes, mostOfOne, most } = await spendingOf(driver.world, 60 * MINUTE);
  driver.judge();
  const isTooMuch = calls > objects * CALLS_AT_REST || writes > objects * WRITES_AT_REST;
  // What some spend is not made up for by what others save.
  if (isTooMuch || mostOfOne.calls > CALLS_OF_ONE || mostOfOne.writes > WRITES_AT_REST)
    throw new Error(
      `${calls} calls and ${writes} writes in an hour at rest: ${most}\n${driver.world.describe()}`,
    );
}

/** What is there belongs to one of these, or to nobody: the console made it, or it was let go. */
function checkNothingLeaked<O extends ManagedObject>(
  kind: Pick<ScenarioKind<O, never>, "resources">,
  driver: TenantsDriver<O>,
  owned: readonly string[],
): void {
  const there = kind.resources(driver.sim).filter(({ isAlive }) => isAlive);
  const leaked = there.filter(({ id }) => !owned.includes(id) && !driver.ownership.isFree(id));
  if (leaked.length > 0) throw new Error(`${leaked.map(({ id }) => id)} belong to objects that are gone`);
  const lost = owned.filter((id) => !there.some((one) => one.id === id));
  if (lost.length > 0) throw new Error(`${lost} are recorded and do not exist`);
}
