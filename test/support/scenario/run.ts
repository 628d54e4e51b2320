/**
 * Runs a random scenario: users edit, the console interferes, the cloud and the cluster fail, processes are killed.
 * Whatever happened, in the end the account is as the objects declare, nothing is leaked, and deleting all objects leaves
 * nothing. For any kind and any driver.
 */
import { ApiError } from "../../../dev/simulator/world/errors.ts";
import type { ManagedObject } from "../../../src/reconcile/managed.ts";
import { ANNOTATION } from "../../../src/reconcile/record.ts";
import { type Driver, namespaceOf } from "./driver.ts";
import { type Actors, ALONE, keysOf, type Scenario, type ScenarioKind, type ScenarioStep } from "./kind.ts";
import { UNRESTRICTED } from "./restrictions.ts";
import { performStep } from "./shared-steps.ts";

/** Rejects where something that must hold does not, or where it does not settle. */
export async function runScenario<O extends ManagedObject, D extends Driver<O>>(
  kind: ScenarioKind<O, D>,
  driver: D,
  { steps }: Scenario,
): Promise<void> {
  const actors = kind.actors(driver, ALONE);
  const keys = keysOf(ALONE);
  await performAll(driver, actors, steps, (step) => performStep(driver, actors, step));
  await calm(driver, actors, keys);
  await converge(driver, actors, keys);
  actors.checkNothingLeaked();
  await deleteAll(driver, actors, keys);
  actors.checkNothingLeaked();
}

export async function performAll<O extends ManagedObject>(
  driver: Driver<O>,
  actors: Actors<O>,
  steps: readonly ScenarioStep[],
  perform: (step: ScenarioStep) => Promise<void>,
): Promise<void> {
  for (const step of steps) {
    await perform(step).catch((error: unknown) => {
      // The console refuses what the API would refuse, such as a stop of what is being deleted.
      if (!(error instanceof ApiError)) throw error;
    });
    await driver.pass(step.thenMs);
    actors.check();
  }
}

/** All faults end; from then on everything must converge by itself. */
export async function calm<O extends ManagedObject>(
  driver: Driver<O>,
  actors: Actors<O>,
  keys: readonly string[],
): Promise<void> {
  const { paused, dryRun, reconcileRequestedAt } = ANNOTATION;
  driver.calm();
  driver.sim.faults.clear();
  await actors.calm();
  for (const namespace of new Set(keys.map(namespaceOf))) await driver.label(namespace, UNRESTRICTED.labels);
  for (const key of keys) {
    if (!driver.get(key)) continue;
    const annotations = { [paused]: null, [dryRun]: null, [reconcileRequestedAt]: "the end" };
    // Whoever has adopted something keeps it; whoever has not makes one of its own.
    await driver.edit(key, {
      metadata: { annotations },
      spec: { ...UNRESTRICTED.spec, ...actors.lenient, adoptId: null },
    });
  }
}

/** Whatever is wrong is reported; once it is corrected, all is as declared. */
export async function converge<O extends ManagedObject>(
  driver: Driver<O>,
  actors: Actors<O>,
  keys: readonly string[],
): Promise<void> {
  await untilAll(driver, keys, "reports correctly", (key) => actors.isSettled(key));
  await actors.correct?.();
  const isAsDeclared = (key: string) =>
    !driver.get(key) || (actors.isAsDeclared?.(key) ?? actors.isSettled(key));
  await untilAll(driver, keys, "is as declared", isAsDeclared);
}

/** The failure names those of which it does not hold. */
async function untilAll<O extends ManagedObject>(
  driver: Driver<O>,
  keys: readonly string[],
  what: string,
  holds: (key: string) => boolean,
): Promise<void> {
  await driver
    .until(`each object ${what}`, () => keys.every(holds))
    .catch((error: unknown) => {
      const not = keys.filter((key) => !holds(key));
      throw not.length > 0 ? new Error(`${not.join(", ")}: ${(error as Error).message}`) : error;
    });
}

export async function deleteAll<O extends ManagedObject>(
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
}
