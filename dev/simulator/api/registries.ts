/**
 * The operations on container registries. No answer holds a password.
 */

import { listed, readable, writable } from "../world/lookups.ts";
import type { RegistrySettings } from "../world/records.ts";
import { createRegistry, deleteRegistry, type RegistryInput, updateRegistry } from "../world/registries.ts";
import { registryView } from "../world/views.ts";
import { listOf } from "./listing.ts";
import type { Operation, Signed } from "./operation.ts";
import { NoQuery, page, pageQuery } from "./schemas.ts";
import * as schemas from "./schemas-projects.ts";

const read = (c: Signed) => readable(c.world, c.team, c.world.registries, c.params.id ?? "");
const write = (c: Signed) => writable(c.world, c.team, c.world.registries, c.params.id ?? "");

export const REGISTRIES: readonly Operation[] = [
  {
    method: "GET",
    path: "/container-registries",
    auth: "key",
    query: pageQuery(["dtCreated"], {}),
    answer: page(schemas.Registry),
    run: listRegistries,
  },
  {
    method: "POST",
    path: "/container-registries",
    auth: "key",
    query: NoQuery,
    body: schemas.CreateRegistry,
    answer: schemas.Registry,
    run: (c) => registryView(createRegistry(c.world, c.team, c.body as RegistryInput)),
  },
  {
    method: "GET",
    path: "/container-registries/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.Registry,
    run: (c) => registryView(read(c)),
  },
  {
    method: "PUT",
    path: "/container-registries/:id",
    auth: "key",
    query: NoQuery,
    body: schemas.UpdateRegistry,
    answer: schemas.Registry,
    run: (c) => registryView(updateRegistry(c.world, write(c), c.body as Partial<RegistrySettings>)),
  },
  {
    method: "DELETE",
    path: "/container-registries/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.Registry,
    run: (c) => registryView(deleteRegistry(c.world, write(c))),
  },
  {
    method: "GET",
    path: "/container-registries/:id/test-connection",
    auth: "key",
    query: NoQuery,
    answer: schemas.ConnectionTest,
    run: (c) => ({ ...read(c).connection }),
  },
];

function listRegistries(c: Signed) {
  return listOf(c, listed(c.world, c.team, c.world.registries), {
    id: (registry) => registry.id,
    view: registryView,
    keep: () => true,
    sortBy: (registry) => registry.dtCreated,
  });
}
