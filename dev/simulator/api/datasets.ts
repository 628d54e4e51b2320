/**
 * The operations on datasets, their versions, and models. Rules are in the world.
 */

import { Type } from "typebox";
import {
  createDataset,
  createModel,
  createVersion,
  type StoredInput,
  tagsOf,
  updateVersion,
  type VersionInput,
  versionOf,
} from "../world/datasets.ts";
import { listed, readable, writable } from "../world/lookups.ts";
import type { DatasetRecord } from "../world/storage-records.ts";
import { datasetView, modelView, versionView } from "../world/storage-views.ts";
import { listOf } from "./listing.ts";
import type { Operation, Signed } from "./operation.ts";
import { NoQuery, opt, page, pageQuery, text } from "./schemas.ts";
import { OnlyId } from "./schemas-resources.ts";
import * as schemas from "./schemas-storage.ts";

const dataset = (c: Signed, find: typeof readable | typeof writable = writable) =>
  find(c.world, c.team, c.world.datasets, c.params.datasetId ?? c.params.id ?? "");

const SETS: readonly Operation[] = [
  {
    method: "GET",
    path: "/datasets",
    auth: "key",
    query: pageQuery(["dtCreated"], { teamId: text(), privacy: opt(Type.Enum(["PUBLIC", "PRIVATE"])) }),
    answer: page(schemas.Dataset),
    run: listDatasets,
  },
  {
    method: "POST",
    path: "/datasets",
    auth: "key",
    query: NoQuery,
    body: schemas.CreateDataset,
    answer: schemas.Dataset,
    run: (c) => datasetView(createDataset(c.world, c.team, c.body as StoredInput)),
  },
  {
    method: "GET",
    path: "/datasets/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.Dataset,
    run: (c) => datasetView(dataset(c, readable)),
  },
  {
    method: "PUT",
    path: "/datasets/:id",
    auth: "key",
    query: NoQuery,
    body: schemas.UpdateDataset,
    answer: schemas.Dataset,
    run: (c) => {
      const change = { ...(c.body as Partial<StoredInput>), dtModified: c.world.iso() };
      return datasetView(Object.assign(dataset(c), change));
    },
  },
  {
    method: "DELETE",
    path: "/datasets/:id",
    auth: "key",
    query: NoQuery,
    answer: OnlyId,
    run(c) {
      const { id } = dataset(c);
      c.world.datasets.delete(id);
      return { id };
    },
  },
];

/** The default of `privacy` is the document's: public ones only where they are requested. */
function listDatasets(c: Signed) {
  const { world, team, query } = c;
  const isAsked = (d: DatasetRecord) => d.isPublic === (query.privacy === "PUBLIC");
  const own = listed(world, team, world.datasets).filter(isAsked);
  return listOf(c, query.teamId === undefined || query.teamId === team.id ? own : [], {
    id: (one) => one.id,
    view: datasetView,
    keep: () => true,
    sortBy: (one) => one.dtCreated,
  });
}

const VERSIONS_PATH = "/datasets/:datasetId/versions";

const VERSIONS: readonly Operation[] = [
  {
    method: "GET",
    path: VERSIONS_PATH,
    auth: "key",
    query: pageQuery(["dtCreated"], { tags: text() }),
    answer: page(schemas.Version),
    run: listVersions,
  },
  {
    method: "POST",
    path: VERSIONS_PATH,
    auth: "key",
    query: NoQuery,
    body: schemas.CreateVersion,
    answer: schemas.Version,
    run(c) {
      const of = dataset(c);
      return versionView(of, createVersion(c.world, c.team, of, c.body as VersionInput));
    },
  },
  {
    method: "GET",
    path: `${VERSIONS_PATH}/:version`,
    auth: "key",
    query: NoQuery,
    answer: schemas.Version,
    run(c) {
      const of = dataset(c, readable);
      return versionView(of, versionOf(of, c.params.version ?? ""));
    },
  },
  {
    method: "PUT",
    path: `${VERSIONS_PATH}/:version`,
    auth: "key",
    query: NoQuery,
    body: schemas.UpdateVersion,
    answer: schemas.Version,
    run(c) {
      const of = dataset(c);
      const version = versionOf(of, c.params.version ?? "");
      return versionView(of, updateVersion(c.world, version, c.body as VersionInput));
    },
  },
  {
    method: "DELETE",
    path: `${VERSIONS_PATH}/:version`,
    auth: "key",
    query: NoQuery,
    answer: schemas.OnlyVersion,
    run(c) {
      const of = dataset(c);
      const gone = versionOf(of, c.params.version ?? "");
      of.versions = of.versions.filter((one) => one !== gone);
      return { datasetId: of.id, version: gone.version };
    },
  },
];

function listVersions(c: Signed) {
  const of = dataset(c, readable);
  const { tags } = c.query;
  return listOf(c, of.versions, {
    id: (one) => one.version,
    view: (one) => versionView(of, one),
    keep: (view) => tags === undefined || tagsOf(tags).some((tag) => view.tags.includes(tag)),
    sortBy: (one) => one.dtCreated,
  });
}

const MODELS: readonly Operation[] = [
  {
    method: "GET",
    path: "/models",
    auth: "key",
    query: pageQuery(["dtCreated"], { projectId: text() }),
    answer: page(schemas.Model),
    run: (c) => listModels(c, c.query.projectId),
  },
  {
    method: "POST",
    path: "/models",
    auth: "key",
    query: NoQuery,
    body: schemas.CreateModel,
    answer: schemas.Model,
    run: (c) => modelView(createModel(c.world, c.team, c.body as StoredInput)),
  },
  {
    method: "GET",
    path: "/models/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.Model,
    run: (c) => modelView(readable(c.world, c.team, c.world.models, c.params.id ?? "")),
  },
  {
    method: "DELETE",
    path: "/models/:id",
    auth: "key",
    query: NoQuery,
    answer: OnlyId,
    run(c) {
      const { id } = writable(c.world, c.team, c.world.models, c.params.id ?? "");
      c.world.models.delete(id);
      return { id };
    },
  },
];

/** Of a project where one is named; the filter by name is not documented in detail, as elsewhere. */
export function listModels(
  c: Signed,
  projectId: string | undefined,
  keep: (name: string) => boolean = () => true,
) {
  return listOf(c, listed(c.world, c.team, c.world.models), {
    id: (one) => one.id,
    view: modelView,
    keep: (view) => (projectId === undefined || view.projectId === projectId) && keep(view.name),
    sortBy: (one) => one.dtCreated,
  });
}

export const DATASETS: readonly Operation[] = [...SETS, ...VERSIONS, ...MODELS];
