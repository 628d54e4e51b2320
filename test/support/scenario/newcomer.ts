/**
 * A new object of a namespace that had no part in anything: it is as quickly Ready beside all the others as alone, and it
 * leaves an operator that has lived through a scenario holding no more than one that begins then.
 */
import type { ManagedObject } from "../../../src/reconcile/managed.ts";
import { type Held, type Holdings, holdingsOf } from "../collections.ts";
import type { Actors, ScenarioKind, Tenant } from "./kind.ts";
import type { TenantsDriver } from "./tenants-driver.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Times the time that it takes alone. */
const AT_MOST = 1.5;
/** Its team is its own: what happens in the others costs it nothing. */
const NAMESPACE = "other";
const KEY = `${NAMESPACE}/newcomer`;

/**
 * The other teams are throttled, and hostile objects are as they are; the cluster and the newcomer's own team have no
 * faults.
 */
export async function checkNewcomer<O extends ManagedObject, D extends TenantsDriver<O>>(
  kind: ScenarioKind<O, D>,
  driver: D,
  actors: Actors<O>,
): Promise<void> {
  const alone = driver.another() as D;
  try {
    const takes = await untilReady(alone, kind.actors(alone, alone.tenants));
    driver.sim.faults.clear();
    for (const team of new Set(driver.tenants.filter(isOther).map((tenant) => tenant.team)))
      driver.sim.faults.add({ match: { team, times: "always" }, do: { status: 429 } });
    const took = await untilReady(driver, actors);
    if (took > AT_MOST * takes)
      throw new Error(
        `${KEY} is Ready after ${took / 1000} s, and alone after ${takes / 1000} s\n${driver.world.describe()}`,
      );
  } finally {
    await alone.close();
  }
  await remove(driver, actors);
}

const isOther = ({ namespace }: Tenant) => namespace !== NAMESPACE;

/** Milliseconds. */
async function untilReady<O extends ManagedObject>(
  driver: TenantsDriver<O>,
  actors: Actors<O>,
): Promise<number> {
  driver.calm();
  await actors.calm();
  driver.sim.world.behaviour.jitter = 0;
  for (const tenant of driver.tenants.filter((one) => !isOther(one))) {
    driver.restoreKey(tenant);
    driver.sim.console.setQuota(tenant.team, 100);
  }
  // A process that was killed has a successor by then, and all of the own team was read again.
  await driver.pass(15 * MINUTE);
  const { clock } = driver.world;
  const began = clock.monotonic();
  await driver.apply(KEY, actors.plain(KEY));
  await driver.until(`${KEY} is Ready`, () => {
    const ready = driver.get(KEY)?.status?.conditions?.find(({ type }) => type === "Ready");
    return ready?.status === "True" && ready.observedGeneration === driver.get(KEY)?.metadata.generation;
  });
  return clock.monotonic() - began;
}

async function remove<O extends ManagedObject>(driver: TenantsDriver<O>, actors: Actors<O>): Promise<void> {
  const object = driver.get(KEY);
  if (object) await actors.deleting?.(KEY, object);
  await driver.delete(KEY);
  await driver.until(`${KEY} is gone`, () => !driver.get(KEY));
}

/**
 * Elements of what is bounded by a number in the code, or by the code itself, as metrics without labels of objects are; or
 * by what is left in the account, which is reported as long as it is, or by the one list of prices that there is. A lookup drops at its next use what is not used any
 * more: that it does is shown over a month (test/app/bounds.test.ts).
 */
const BOUNDED =
  /^(EventRecorder\.#recorded|UnownedReview\.#found|Lookup\.#entries|Accounts\.#remembered|PriceList\.#parsed|(Counter|Gauge|Histogram)\.hashMap)$/;
/** Numbers in names grow longer. */
const CHARACTERS = 200;

/** All objects are gone. A newcomer has passes, in which what none needs any more is dropped. */
export async function checkNothingHeld<O extends ManagedObject>(
  driver: TenantsDriver<O>,
  actors: Actors<O>,
): Promise<void> {
  const heldAfterwards = async () => {
    for (let times = 0; times < 2; times++) {
      await untilReady(driver, actors);
      await driver.pass(3 * HOUR);
      await remove(driver, actors);
      await driver.pass(HOUR);
    }
    return holdings(driver);
  };
  await driver.pass(3 * HOUR);
  const held = await heldAfterwards();
  await driver.replaceOperator();
  const fresh = await heldAfterwards();
  const more = [...held].filter(([label, one]) => !BOUNDED.test(label) && isMore(one, fresh.get(label)));
  if (more.length === 0) return;
  const shown = more.map(
    ([label, { elements, characters }]) => `${label}: ${elements} elements, ${characters} characters`,
  );
  throw new Error(`held once all objects are gone: ${shown.join("; ")}`);
}

function isMore(held: Held, fresh: Held = { elements: 0, characters: 0 }): boolean {
  return held.elements > fresh.elements || held.characters > fresh.characters + CHARACTERS;
}

function holdings<O extends ManagedObject>({ world, parts }: TenantsDriver<O>): Holdings {
  const foreign = new Set<object>([world, world.clock, world.hostClock, world.kube, world.sim, world.config]);
  return holdingsOf(
    parts,
    (value) => foreign.has(value) || ["SimDispatcher", "Pino"].includes(value.constructor?.name),
  );
}
