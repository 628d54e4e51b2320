/**
 * The operations on static addresses, whose text is their key. There is no GET of a single one.
 */

import { assignAddress, claimAddress, releaseAddress } from "../world/addresses.ts";
import { addressView } from "../world/views.ts";
import { isInRegion, listOf } from "./listing.ts";
import type { Operation, Signed } from "./operation.ts";
import { NoQuery, page, pageQuery, text } from "./schemas.ts";
import * as schemas from "./schemas-resources.ts";

export const PUBLIC_IPS: readonly Operation[] = [
  {
    method: "GET",
    path: "/public-ips",
    auth: "key",
    query: pageQuery(["dtCreated"], { region: text() }),
    answer: page(schemas.PublicIp),
    run: listAddresses,
  },
  {
    method: "POST",
    path: "/public-ips",
    auth: "key",
    query: NoQuery,
    body: schemas.ClaimAddress,
    answer: schemas.PublicIp,
    run: (c) => addressView(claimAddress(c.world, c.team, c.body as { region: string })),
  },
  {
    method: "PUT",
    path: "/public-ips/:ip",
    auth: "key",
    query: NoQuery,
    body: schemas.AssignAddress,
    answer: schemas.PublicIp,
    run(c) {
      const { machineId } = c.body as { machineId: string | null };
      return addressView(assignAddress(c.world, c.team, c.params.ip ?? "", machineId));
    },
  },
  {
    method: "DELETE",
    path: "/public-ips/:ip",
    auth: "key",
    query: NoQuery,
    answer: schemas.OnlyIp,
    run: (c) => ({ ip: releaseAddress(c.world, c.team, c.params.ip ?? "").ip }),
  },
];

function listAddresses(c: Signed) {
  return listOf(c, c.team.staticAddresses, {
    id: (address) => address.ip,
    view: addressView,
    keep: (view) => isInRegion(view.region, c.query.region),
    sortBy: (address) => address.dtCreated,
  });
}
