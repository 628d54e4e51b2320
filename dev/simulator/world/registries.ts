/**
 * Container registries (other-resources.md): settings and a password, and what a test of the connection finds, which is
 * set from outside since nothing is connected to here.
 */

import type { RegistryRecord, RegistrySettings, Team } from "./records.ts";
import type { World } from "./world.ts";

/** Body of POST /container-registries. */
export type RegistryInput = Omit<RegistrySettings, "kind"> & Partial<Pick<RegistrySettings, "kind">>;

/** Names may be had twice, as everywhere. The default kind is not documented. */
export function createRegistry(world: World, team: Team, input: RegistryInput): RegistryRecord {
  const born = world.born(team.id, "cr");
  const registry: RegistryRecord = {
    ...born,
    settings: { kind: "other", ...input },
    connection: { success: true },
    dtModified: born.dtCreated,
  };
  world.registries.set(registry.id, registry);
  return registry;
}

/** Changes what is named and leaves the rest. */
export function updateRegistry(
  world: World,
  registry: RegistryRecord,
  input: Partial<RegistrySettings>,
): RegistryRecord {
  Object.assign(registry.settings, input);
  registry.dtModified = world.iso();
  return registry;
}

/** Deployments that name it keep the name. */
export function deleteRegistry(world: World, registry: RegistryRecord): RegistryRecord {
  world.registries.delete(registry.id);
  return registry;
}
