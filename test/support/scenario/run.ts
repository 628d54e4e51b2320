/**
 * Runs a random scenario: users edit, the console interferes, the cloud and the cluster fail, processes are killed.
 * Whatever happened, in the end the account is as the objects declare, nothing is leaked, and deleting all objects leaves
 * nothing. For any kind and any driver.
 */
import { ApiError } from "../../../dev/simulator/world/errors.ts";
import type { ManagedObject } from "../../../src/reconcile/managed.ts";
import { ANNOTATION } from "../../../src/reconcile/record.ts";
import type { Driver } from "./driver.ts";
import { type Actors, ALONE, keysOf, type Scenario, type ScenarioKind, type Tenant } from "./kind.ts";
import { performStep } from "./shared-steps.ts";

/** Rejects where something that must hold does not, or where it does not settle. */
export async function runScenario<O extends ManagedObject, D extends Driver<O>>(
  kind: ScenarioKind<O, D>,
  driver: D,
  { steps }: Scenario,
  tenants: readonly Tenant[] = ALONE,
): Promise<void> {
  const actors = kind.actors(driver, tenants);
  const keys = keysOf(tenants);
  for (const step of steps) {
    await performStep(driver, actors, step).catch((error: unknown) => {
      // The console refuses what the API would refuse, such as a stop of what is being deleted.
      if (!(error instanceof ApiError)) throw error;
    });
    await driver.pass(step.thenMs);
    actors.check();
  }
  await calm(driver, actors, keys);
  await driver.until("all report correctly", () => keys.every((key) => actors.isSettled(key)));
  await actors.correct?.();
  const isAsDeclared = actors.isAsDeclared ?? actors.isSettled;
  await driver.until("all is as declared", () =>
    keys.every((key) => !driver.get(key) || isAsDeclared.call(actors, key)),
  );
  actors.checkNothingLeaked();
  await deleteAll(driver, actors, keys);
}

/** All faults end; from then on everything must converge by itself. */
async function calm<O extends ManagedObject>(
  driver: Driver<O>,
  actors: Actors<O>,
  keys: readonly string[],
): Promise<void> {
  const { paused, dryRun, reconcileRequestedAt } = ANNOTATION;
  driver.calm();
  driver.sim.faults.clear();
  await actors.calm();
  for (const key of keys) {
    if (!driver.get(key)) continue;
    const annotations = { [paused]: null, [dryRun]: null, [reconcileRequestedAt]: "the end" };
    await driver.edit(key, { metadata: { annotations }, spec: actors.lenient });
  }
}

async function deleteAll<O extends ManagedObject>(
  driver: Driver<O>,
  actors: Actors<O>,
  keys: readonly string[],
): Promise<void> {
  for (const key of keys) {
    const object = driver.get(key);
    if (!object) continue;
    await actors.deleting?.(key, object);
    await driver.delete(key);
  }
  await driver.until("all are gone", () => keys.every((key) => !driver.get(key)));
  actors.checkNothingLeaked();
}
