/**
 * The operations on shared drives and storage providers. Rules are in the world.
 */

import { listed, readable, writable } from "../world/lookups.ts";
import {
  createDrive,
  createProvider,
  type DriveInput,
  deleteDrive,
  type ProviderInput,
  replaceProvider,
} from "../world/storage.ts";
import type { ProviderSettings } from "../world/storage-records.ts";
import { driveView, providerView } from "../world/storage-views.ts";
import { byDateOrName, isInRegion, listOf, matchesName } from "./listing.ts";
import type { Operation, Signed } from "./operation.ts";
import { NoQuery, page, pageQuery, text } from "./schemas.ts";
import { OnlyId } from "./schemas-resources.ts";
import * as schemas from "./schemas-storage.ts";

const drive = (c: Signed) => writable(c.world, c.team, c.world.drives, c.params.id ?? "");
const provider = (c: Signed) => writable(c.world, c.team, c.world.providers, c.params.id ?? "");

const DRIVES: readonly Operation[] = [
  {
    method: "GET",
    path: "/shared-drives",
    auth: "key",
    query: pageQuery(["dtCreated", "name"], { name: text(), region: text() }),
    answer: page(schemas.Drive),
    run: listDrives,
  },
  {
    method: "POST",
    path: "/shared-drives",
    auth: "key",
    query: NoQuery,
    body: schemas.CreateDrive,
    answer: schemas.Drive,
    run: (c) => driveView(c.world, createDrive(c.world, c.team, c.body as DriveInput)),
  },
  {
    method: "GET",
    path: "/shared-drives/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.Drive,
    run: (c) => driveView(c.world, readable(c.world, c.team, c.world.drives, c.params.id ?? "")),
  },
  {
    method: "PUT",
    path: "/shared-drives/:id",
    auth: "key",
    query: NoQuery,
    body: schemas.UpdateDrive,
    answer: schemas.Drive,
    run: (c) => driveView(c.world, Object.assign(drive(c), c.body as { name?: string })),
  },
  {
    method: "DELETE",
    path: "/shared-drives/:id",
    auth: "key",
    query: NoQuery,
    answer: OnlyId,
    run(c) {
      const gone = drive(c);
      deleteDrive(c.world, gone);
      return { id: gone.id };
    },
  },
];

function listDrives(c: Signed) {
  const { world, query } = c;
  return listOf(c, listed(world, c.team, world.drives), {
    id: (one) => one.id,
    view: (one) => driveView(world, one),
    keep: (view) => matchesName(world, view.name, query.name) && isInRegion(view.region, query.region),
    sortBy: byDateOrName(c),
  });
}

const PROVIDERS: readonly Operation[] = [
  {
    method: "GET",
    path: "/storage-providers",
    auth: "key",
    query: pageQuery(["dtCreated"], {}),
    answer: page(schemas.Provider),
    run: (c) =>
      listOf(c, listed(c.world, c.team, c.world.providers), {
        id: (one) => one.id,
        view: (one) => providerView(c.world, one),
        keep: () => true,
        sortBy: (one) => one.dtCreated,
      }),
  },
  {
    method: "POST",
    path: "/storage-providers",
    auth: "key",
    query: NoQuery,
    body: schemas.CreateProvider,
    answer: schemas.Provider,
    run: (c) => providerView(c.world, createProvider(c.world, c.team, c.body as ProviderInput)),
  },
  {
    // Before the one with an id, which it would match.
    method: "GET",
    path: "/storage-providers/utilization",
    auth: "key",
    query: NoQuery,
    answer: schemas.Utilization,
    run: () => UTILIZATION,
  },
  {
    method: "GET",
    path: "/storage-providers/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.Provider,
    run: (c) => providerView(c.world, readable(c.world, c.team, c.world.providers, c.params.id ?? "")),
  },
  {
    method: "PUT",
    path: "/storage-providers/:id",
    auth: "key",
    query: NoQuery,
    body: schemas.ReplaceProvider,
    answer: schemas.Provider,
    run: (c) => providerView(c.world, replaceProvider(c.world, provider(c), c.body as ProviderSettings)),
  },
  {
    method: "DELETE",
    path: "/storage-providers/:id",
    auth: "key",
    query: NoQuery,
    answer: OnlyId,
    run(c) {
      const { id } = provider(c);
      c.world.providers.delete(id);
      return { id };
    },
  },
];

/** Nothing is stored here, so nothing is used. */
const UTILIZATION = {
  totalFreeStorage: "53687091200",
  remainingFreeStorage: "53687091200",
  totalUsage: "0",
  modelUsage: "0",
  datasetUsage: "0",
  sharedStorageUsage: "0",
  notebookWorkspaceUsage: "0",
};

export const STORAGE: readonly Operation[] = [...DRIVES, ...PROVIDERS];
