/**
 * What a tenant does that is out for what belongs to others: it writes whatever a user may write, to objects of its own
 * namespace. What may come of it is judged in ownership.ts.
 */
import type { ManagedObject } from "../../../src/reconcile/managed.ts";
import { ANNOTATION } from "../../../src/reconcile/record.ts";
import type { Dice } from "./dice.ts";
import type { Driver } from "./driver.ts";
import { type Actors, keysOf, type Resource, type Tenant } from "./kind.ts";

export const HOSTILE = {
  "hostile: annotates": 6,
  "hostile: adopts": 2,
  "hostile: takes the finalizer off": 1,
};

/** What it is after: another tenant's resource, or one that nobody owns. */
interface Target {
  id: string;
  name: string;
  team: string;
  /** Of the object that owns it. */
  uid: string;
}

export async function performHostileStep<O extends ManagedObject>(
  driver: Driver<O>,
  actors: Actors<O>,
  {
    what,
    tenants,
    resources,
    dice,
  }: { what: string; tenants: readonly Tenant[]; resources: readonly Resource[]; dice: Dice },
): Promise<void> {
  const key = dice.of(...keysOf(tenants.filter(({ isHostile }) => isHostile)));
  const target = dice.of(...targets(driver, resources, tenants));
  const object = driver.get(key);
  if (what === "hostile: takes the finalizer off")
    return object && driver.edit(key, { metadata: { finalizers: null } });
  if (!target) return;
  if (what === "hostile: adopts") {
    // The API server lets an object that owns something keep its adoptId only.
    if (object) return object.status?.id ? undefined : driver.edit(key, { spec: { adoptId: target.id } });
    return driver.apply(key, { ...actors.spec(key, dice), adoptId: target.id, onExternalDeletion: "Stall" });
  }
  // One that is new is written to before the operator has seen it.
  if (!object) await driver.apply(key, actors.spec(key, dice));
  const own = driver.get(key);
  return own && driver.edit(key, { metadata: { annotations: forged(own, target, dice) } });
}

function targets<O extends ManagedObject>(
  driver: Driver<O>,
  resources: readonly Resource[],
  tenants: readonly Tenant[],
): Target[] {
  const owners = keysOf(tenants).flatMap((key) => driver.get(key) ?? []);
  return resources.map(({ id, attempt, team }) => {
    const uid = owners.find(({ status }) => status?.id === id)?.metadata.uid ?? "";
    return { id, team, name: attempt, uid };
  });
}

function forged({ metadata }: ManagedObject, target: Target, dice: Dice): Record<string, string> {
  const own = metadata.uid ?? "";
  const { id, name, team } = target;
  const uid = dice.of(own, own, own, target.uid);
  // Long ago: whoever believes it takes the window of the create for over.
  const time = dice.of("2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z");
  return dice.of<Record<string, string>>(
    { [ANNOTATION.record]: JSON.stringify({ id, team, name, uid }) },
    { [ANNOTATION.record]: JSON.stringify({ id, team, name, uid }) },
    { [ANNOTATION.createPending]: JSON.stringify({ name, team, uid, time }) },
    { [ANNOTATION.adopt]: `${id}@${uid}` },
    { [ANNOTATION.record]: "{" },
    { [ANNOTATION.createPending]: "{" },
    { [ANNOTATION.released]: dice.of("true", uid) },
    { [ANNOTATION.paused]: dice.of("true", "false") },
    { [ANNOTATION.restartRequestedAt]: String(dice.random()) },
    { [ANNOTATION.startRequestedAt]: String(dice.random()) },
    { [ANNOTATION.reconcileRequestedAt]: String(dice.random()) },
  );
}
