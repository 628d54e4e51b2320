/**
 * Datasets with their versions, and models (other-resources.md): names and dates only, since their contents go to the
 * team's object storage and never through this API.
 */

import { checkStanding } from "./checks.ts";
import { notFound } from "./errors.ts";
import { writable } from "./lookups.ts";
import type { Team } from "./records.ts";
import type { DatasetRecord, DatasetVersion, ModelRecord } from "./storage-records.ts";
import type { World } from "./world.ts";

/** Body of POST /datasets, and of POST /models with a project. */
export interface StoredInput {
  name: string;
  description?: string | null;
  isPublic?: boolean;
  storageProviderId?: string;
}

/** Body of POST /datasets/{id}/versions; isCommitted in a PUT only. */
export interface VersionInput {
  message?: string;
  metadata?: Record<string, unknown>;
  /** "Comma-delimited". */
  tags?: string;
  isCommitted?: boolean;
}

export function createDataset(world: World, team: Team, input: StoredInput): DatasetRecord {
  checkStanding(world, team);
  const dataset = { ...stored(world, team, "ds", input), versions: [] };
  world.datasets.set(dataset.id, dataset);
  return dataset;
}

export function createModel(
  world: World,
  team: Team,
  { projectId, ...input }: StoredInput & { projectId?: string },
): ModelRecord {
  const project = projectId === undefined ? null : writable(world, team, world.projects, projectId);
  const model = { ...stored(world, team, "mo", input), projectId: project?.id ?? null };
  world.models.set(model.id, model);
  return model;
}

function stored(world: World, team: Team, prefix: string, input: StoredInput) {
  const { name, description = null, isPublic = false, storageProviderId } = input;
  const provider =
    storageProviderId === undefined ? null : writable(world, team, world.providers, storageProviderId);
  const born = world.born(team.id, prefix);
  const storageId = provider?.id ?? null;
  return { ...born, name, description, isPublic, storageProviderId: storageId, dtModified: born.dtCreated };
}

/** One that is committed already when it is made holds nothing: it is open until a client commits it. */
export function createVersion(
  world: World,
  team: Team,
  dataset: DatasetRecord,
  input: VersionInput,
): DatasetVersion {
  const seq = world.nextSeq();
  const version: DatasetVersion = {
    version: world.id("").slice(0, 7),
    seq,
    userId: team.users.find((user) => user.isOwner)?.id ?? null,
    message: null,
    metadata: null,
    isCommitted: false,
    tags: [],
    dtCreated: world.iso(),
    dtModified: world.iso(),
  };
  dataset.versions.push(version);
  return updateVersion(world, version, input);
}

export function updateVersion(world: World, version: DatasetVersion, input: VersionInput): DatasetVersion {
  const { tags, ...rest } = input;
  Object.assign(version, rest, { dtModified: world.iso() });
  if (tags !== undefined) version.tags = tagsOf(tags);
  return version;
}

/** Throws NOT_FOUND. */
export function versionOf(dataset: DatasetRecord, name: string): DatasetVersion {
  const version = dataset.versions.find((one) => one.version === name);
  if (!version) throw notFound();
  return version;
}

/** From a comma-delimited list. */
export const tagsOf = (text: string): string[] =>
  text
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");
