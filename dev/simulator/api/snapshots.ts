/**
 * The operations on snapshots. What takes time answers with the event to wait for.
 */

import { listed, readable, writable } from "../world/lookups.ts";
import { createSnapshot, deleteSnapshot, restoreSnapshot, type SnapshotOutcome } from "../world/snapshots.ts";
import { eventView, snapshotView } from "../world/views.ts";
import { byDateOrName, listOf } from "./listing.ts";
import type { Operation, Signed } from "./operation.ts";
import { NoQuery, page, pageQuery, text } from "./schemas.ts";
import * as schemas from "./schemas-resources.ts";

const write = (c: Signed) => writable(c.world, c.team, c.world.snapshots, c.params.id ?? "");
const outcome = ({ snapshot, event }: SnapshotOutcome) => ({
  data: snapshotView(snapshot),
  event: eventView(event),
});

export const SNAPSHOTS: readonly Operation[] = [
  {
    method: "GET",
    path: "/snapshots",
    auth: "key",
    query: pageQuery(["dtCreated", "name"], { machineId: text() }),
    answer: page(schemas.Snapshot),
    run: listSnapshots,
  },
  {
    method: "POST",
    path: "/snapshots",
    auth: "key",
    query: NoQuery,
    body: schemas.CreateSnapshot,
    answer: schemas.SnapshotAndEvent,
    run: (c) => outcome(createSnapshot(c.world, c.team, c.body as Parameters<typeof createSnapshot>[2])),
  },
  {
    method: "GET",
    path: "/snapshots/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.Snapshot,
    run: (c) => snapshotView(readable(c.world, c.team, c.world.snapshots, c.params.id ?? "")),
  },
  {
    method: "PUT",
    path: "/snapshots/:id",
    auth: "key",
    query: NoQuery,
    body: schemas.UpdateSnapshot,
    answer: schemas.Snapshot,
    run: (c) => snapshotView(Object.assign(write(c), c.body as { name?: string })),
  },
  {
    method: "DELETE",
    path: "/snapshots/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.SnapshotAndEvent,
    run: (c) => outcome(deleteSnapshot(c.world, write(c))),
  },
  {
    method: "POST",
    path: "/snapshots/:id/restore",
    auth: "key",
    query: NoQuery,
    body: schemas.RestoreSnapshot,
    answer: schemas.SnapshotAndEvent,
    run(c) {
      const body = c.body as Parameters<typeof restoreSnapshot>[3];
      return outcome(restoreSnapshot(c.world, c.team, write(c), body));
    },
  },
];

function listSnapshots(c: Signed) {
  const { machineId } = c.query;
  return listOf(c, listed(c.world, c.team, c.world.snapshots), {
    id: (snapshot) => snapshot.id,
    view: snapshotView,
    keep: (view) => machineId === undefined || view.machineId === machineId,
    sortBy: byDateOrName(c),
  });
}
