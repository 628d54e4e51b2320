/**
 * The operations on startup scripts. No answer holds the text of one.
 */

import { listed, readable, writable } from "../world/lookups.ts";
import {
  assignScript,
  createScript,
  deleteScript,
  type ScriptInput,
  unassignScript,
} from "../world/scripts.ts";
import { scriptView } from "../world/views.ts";
import { byDateOrName, listOf, matchesName } from "./listing.ts";
import type { Operation, Signed } from "./operation.ts";
import { NoQuery, page, pageQuery, text } from "./schemas.ts";
import * as schemas from "./schemas-resources.ts";

const write = (c: Signed) => writable(c.world, c.team, c.world.scripts, c.params.id ?? "");

export const SCRIPTS: readonly Operation[] = [
  {
    method: "GET",
    path: "/startup-scripts",
    auth: "key",
    query: pageQuery(["dtCreated", "name"], { name: text() }),
    answer: page(schemas.StartupScript),
    run: listScripts,
  },
  {
    method: "POST",
    path: "/startup-scripts",
    auth: "key",
    query: NoQuery,
    body: schemas.CreateScript,
    answer: schemas.StartupScript,
    run: (c) => scriptView(createScript(c.world, c.team, c.body as ScriptInput)),
  },
  {
    method: "GET",
    path: "/startup-scripts/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.StartupScript,
    run: (c) => scriptView(readable(c.world, c.team, c.world.scripts, c.params.id ?? "")),
  },
  {
    method: "PUT",
    path: "/startup-scripts/:id",
    auth: "key",
    query: NoQuery,
    body: schemas.UpdateScript,
    answer: schemas.StartupScript,
    run: (c) => scriptView(Object.assign(write(c), c.body as Partial<ScriptInput & { isEnabled: boolean }>)),
  },
  {
    method: "DELETE",
    path: "/startup-scripts/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.StartupScript,
    run: (c) => scriptView(deleteScript(c.world, write(c))),
  },
  assignment("assign", assignScript),
  assignment("unassign", unassignScript),
];

function assignment(name: "assign" | "unassign", act: typeof assignScript): Operation {
  return {
    method: "POST",
    path: `/startup-scripts/:id/${name}`,
    auth: "key",
    query: NoQuery,
    body: schemas.AssignScript,
    answer: schemas.StartupScript,
    run: (c) => scriptView(act(c.world, c.team, write(c), (c.body as { machineId: string }).machineId)),
  };
}

function listScripts(c: Signed) {
  const { world, query } = c;
  return listOf(c, listed(world, c.team, world.scripts), {
    id: (script) => script.id,
    view: scriptView,
    keep: (view) => matchesName(world, view.name, query.name),
    sortBy: byDateOrName(c),
  });
}
