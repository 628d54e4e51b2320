/**
 * The operations on machine events (machines.md section 5.2): reading only, events are made by what others do.
 */

import { listedEvents, readableEvent } from "../world/lookups.ts";
import { eventView } from "../world/views.ts";
import type { Operation, Signed } from "./operation.ts";
import { pageOf } from "./paging.ts";
import { NoQuery, page, pageQuery, text } from "./schemas.ts";
import * as schemas from "./schemas-machines.ts";

export const EVENTS: readonly Operation[] = [
  {
    method: "GET",
    path: "/machine-events",
    auth: "key",
    query: pageQuery(["dtCreated"], { machineId: text() }),
    answer: page(schemas.MachineEvent),
    run: listEvents,
  },
  {
    method: "GET",
    path: "/machine-events/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.MachineEvent,
    run: (c) => eventView(readableEvent(c.world, c.team, c.params.id ?? "")),
  },
];

function listEvents({ world, team, query, tricks }: Signed) {
  const listed = listedEvents(world, team).filter(
    (e) =>
      (query.machineId ?? e.machineId) === e.machineId &&
      !world.isWithin(e.createdAt, tricks.lateEvents ?? 0),
  );
  const page = pageOf(listed, query, (e) => [e.dtCreated, e.seq], world.behaviour);
  const views = page.items.map(eventView);
  return { ...page, items: tricks.repeatEvents ? views.flatMap((v) => [v, v]) : views };
}
