/**
 * What a reader sees of shared drives, storage providers, datasets and models (other-resources.md). Reading only.
 */

import type {
  DatasetRecord,
  DatasetVersion,
  DriveRecord,
  ModelRecord,
  ProviderRecord,
} from "./storage-records.ts";
import { deletion } from "./views.ts";
import type { World } from "./world.ts";

/** With the password, as in every answer of the vendor's. */
export function driveView(world: World, drive: DriveRecord) {
  const { id, name, region, networkId, size, mountPoint, username, password, dtCreated } = drive;
  return {
    id,
    name,
    region,
    networkId,
    // A whole number is declared, while a create may name any.
    size: Math.ceil(size),
    mountPoint,
    username,
    password,
    dtCreated,
    ...deletion(world, drive),
  };
}

/** "Whether it is masked is not documented": storageSecretShown. */
export function providerView(world: World, { id, settings }: ProviderRecord) {
  const { s3Config } = settings;
  const secretAccessKey =
    world.behaviour.storageSecretShown === "masked" ? "********" : s3Config.secretAccessKey;
  return { id, ...settings, isManaged: false, s3Config: { ...s3Config, secretAccessKey } };
}

export function datasetView(dataset: DatasetRecord) {
  const { id, name, description, isPublic, storageProviderId, teamId, dtCreated, dtModified } = dataset;
  return { id, name, description, isPublic, storageProviderId, teamId, dtCreated, dtModified };
}

/** The contents are in the team's storage: no address and no size are known here. */
export function versionView(dataset: DatasetRecord, { seq: _, ...version }: DatasetVersion) {
  return { ...version, datasetId: dataset.id, url: null, usageBytes: null };
}

export function modelView(model: ModelRecord) {
  const { id, name, description, isPublic, storageProviderId, projectId, teamId, dtCreated, dtModified } =
    model;
  return { id, name, description, isPublic, storageProviderId, projectId, teamId, dtCreated, dtModified };
}
