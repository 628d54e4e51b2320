/**
 * Shared drives and storage providers (other-resources.md): made, changed and deleted at once, without events. Only
 * settings are kept; nothing is stored anywhere.
 */

import { checkNetwork, checkStanding, regionOf } from "./checks.ts";
import type { Team } from "./records.ts";
import type { DriveRecord, ProviderRecord, ProviderSettings } from "./storage-records.ts";
import type { World } from "./world.ts";

/** Body of POST /shared-drives. */
export interface DriveInput {
  name: string;
  region: string;
  networkId: string;
  size: number;
}

/** "A shared drive needs a network". */
export function createDrive(world: World, team: Team, input: DriveInput): DriveRecord {
  const region = regionOf(world, input.region);
  checkNetwork(world, team, input.networkId, region);
  checkStanding(world, team);
  const born = world.born(team.id, "sd");
  const prefix = world.networks.get(input.networkId)?.network ?? "10.0.0.0";
  const drive: DriveRecord = {
    ...born,
    ...input,
    region,
    mountPoint: `//${prefix.replace(/0$/, "2")}/${born.id}`,
    username: born.id,
    password: world.uuid(),
  };
  world.drives.set(drive.id, drive);
  return drive;
}

export function deleteDrive(world: World, drive: DriveRecord): void {
  drive.dtDeleted = world.iso();
}

/** Body of POST /storage-providers. */
export type ProviderInput = Omit<ProviderSettings, "isTeamDefault"> & { isTeamDefault?: boolean };

export function createProvider(world: World, team: Team, input: ProviderInput): ProviderRecord {
  checkStanding(world, team);
  const { name, s3Config, isTeamDefault = false } = input;
  const provider = { ...world.born(team.id, "sp"), settings: { name, s3Config, isTeamDefault: false } };
  world.providers.set(provider.id, provider);
  return replaceProvider(world, provider, { name, s3Config, isTeamDefault });
}

/** "PUT is a full replacement here." A team has one default. */
export function replaceProvider(
  world: World,
  provider: ProviderRecord,
  settings: ProviderSettings,
): ProviderRecord {
  for (const other of world.providers.values()) {
    if (settings.isTeamDefault && other.teamId === provider.teamId) other.settings.isTeamDefault = false;
  }
  provider.settings = settings;
  return provider;
}
