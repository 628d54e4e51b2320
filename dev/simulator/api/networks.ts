/**
 * The operations on private networks. Rules are in the world.
 */

import { listed, seen, writable } from "../world/lookups.ts";
import { createNetwork, deleteNetwork, type NetworkInput } from "../world/networks.ts";
import { networkView } from "../world/views.ts";
import { byDateOrName, isInRegion, listOf, matchesName } from "./listing.ts";
import type { Operation, Signed } from "./operation.ts";
import { NoQuery, page, pageQuery, text } from "./schemas.ts";
import * as schemas from "./schemas-resources.ts";

const write = (c: Signed) => writable(c.world, c.team, c.world.networks, c.params.id ?? "");

export const NETWORKS: readonly Operation[] = [
  {
    method: "GET",
    path: "/private-networks",
    auth: "key",
    query: pageQuery(["dtCreated", "name"], { name: text(), region: text() }),
    answer: page(schemas.Network),
    run: listNetworks,
  },
  {
    method: "POST",
    path: "/private-networks",
    auth: "key",
    query: NoQuery,
    body: schemas.CreateNetwork,
    answer: schemas.Network,
    run: (c) => networkView(c.world, createNetwork(c.world, c.team, c.body as NetworkInput)),
  },
  {
    method: "GET",
    path: "/private-networks/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.MaybeNetwork,
    run(c) {
      const network = seen(c.world, c.team, c.world.networks, c.params.id ?? "");
      return network ? networkView(c.world, network) : null;
    },
  },
  {
    method: "PUT",
    path: "/private-networks/:id",
    auth: "key",
    query: NoQuery,
    body: schemas.UpdateNetwork,
    answer: schemas.Network,
    run: (c) => networkView(c.world, Object.assign(write(c), c.body as { name?: string })),
  },
  {
    method: "DELETE",
    path: "/private-networks/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.OnlyId,
    run(c) {
      const network = write(c);
      deleteNetwork(c.world, c.team, network);
      return { id: network.id };
    },
  },
];

function listNetworks(c: Signed) {
  const { world, query } = c;
  return listOf(c, listed(world, c.team, world.networks), {
    id: (network) => network.id,
    view: (network) => networkView(world, network),
    keep: (view) => matchesName(world, view.name, query.name) && isInRegion(view.region, query.region),
    sortBy: byDateOrName(c),
  });
}
